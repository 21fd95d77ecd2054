# Numba: the element-wise sum as a real kernel.


def probe():
    numba = load("numba")
    import numpy
    from numba import cuda

    SEEN["build"] = {"cuda": True, "cuda_version": None, "cudnn": None, "architectures": []}
    with timed("is_available"):
        try:
            SEEN["available"] = bool(cuda.is_available())
            if not SEEN["available"]:
                unavailable(getattr(cuda, "cuda_error", lambda: None)() or "no CUDA device")
        except Exception as error:
            unavailable(error)
    if not SEEN["available"]:
        return
    gpus = list(cuda.gpus)
    for index, gpu in enumerate(gpus):
        with gpu:
            found = cuda.get_current_device()
            name = found.name
            name = name.decode("utf-8", "replace") if isinstance(name, bytes) else name
            device(index, name, found.compute_capability)
    with gpus[DEVICE]:
        with timed("kernel"):

            @cuda.jit
            def add(a, b, c):
                i = cuda.grid(1)
                if i < c.size:
                    c[i] = a[i] + b[i]

            n = 1024 * 1024
            a = numpy.arange(n, dtype=numpy.float32)
            there = cuda.device_array(n, dtype=numpy.float32)
            add[n // 256, 256](cuda.to_device(a), cuda.to_device(a * 2), there)
            cuda.synchronize()
            right = bool((there.copy_to_host() == a * 3).all())
        check("kernel", right, ["cuda:%d" % DEVICE], cuda.is_cuda_array(there))
