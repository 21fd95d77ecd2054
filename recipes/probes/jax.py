# JAX: what it compiles must run on the GPU.

# Else JAX takes three quarters of the GPU's memory when it starts.
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")


def probe():
    jax = load("jax")
    import numpy
    import jax.numpy as jnp

    with timed("devices"):
        everything = jax.devices()
        try:
            gpus = jax.devices("gpu")
        except RuntimeError as error:
            gpus = []
            unavailable(error)
    SEEN["available"] = bool(gpus)
    SEEN["build"] = {
        "cuda": bool(gpus) or has_plugin(),
        "cuda_version": None,
        "cudnn": None,
        "architectures": [],
    }
    for index, gpu in enumerate(gpus):
        capability = getattr(gpu, "compute_capability", None)
        capability = [int(part) for part in capability.split(".")] if capability else None
        device(index, gpu.device_kind, capability)
    # Without naming a device where there is no choice: what JAX takes by itself
    # is what a program gets.
    chosen = gpus[DEVICE] if gpus and DEVICE else everything[0]
    with jax.default_device(chosen):
        with timed("product"):
            a = jnp.array([[1.0, 2.0], [3.0, 4.0]])
            b = jnp.array([[5.0, 6.0], [7.0, 8.0]])
            c = jax.jit(lambda a, b: a @ b)(a, b).block_until_ready()
            right = numpy.asarray(c).tolist() == [[19.0, 22.0], [43.0, 50.0]]
        check("product", right, places([a, b, c]), on_gpu([a, b, c]))
        with timed("jit"):
            host = numpy.linspace(-3, 3, 1000 * 1000, dtype=numpy.float32)
            there = jax.jit(lambda x: jnp.sin(x) * 2)(host).block_until_ready()
            difference = numpy.abs(numpy.asarray(there) - numpy.sin(host) * 2).max()
        check("jit", difference <= 1e-5, places([there]), on_gpu([there]), difference)


def has_plugin():
    import importlib.util

    names = ("jax_cuda13_plugin", "jax_cuda12_plugin", "jax_cuda11_plugin")
    return any(importlib.util.find_spec(name) is not None for name in names)


def of(array):
    devices = array.devices() if callable(getattr(array, "devices", None)) else {array.device()}
    return list(devices)


def places(arrays):
    return [place for array in arrays for place in of(array)]


def on_gpu(arrays):
    return all(d.platform in ("gpu", "cuda") for array in arrays for d in of(array))
