# CuPy: a million sines against NumPy, and a kernel of one's own.

ADD = r"""
extern "C" __global__ void add(const float* a, const float* b, float* c, int n) {
    int i = blockDim.x * blockIdx.x + threadIdx.x;
    if (i < n) c[i] = a[i] + b[i];
}
"""


def probe():
    cupy = load("cupy")
    import numpy

    SEEN["build"] = {
        "cuda": not getattr(cupy.cuda.runtime, "is_hip", False),
        "cuda_version": None,
        "cudnn": None,
        "architectures": [],
    }
    with timed("getDeviceCount"):
        try:
            version = cupy.cuda.runtime.runtimeGetVersion()
            SEEN["build"]["cuda_version"] = "%d.%d" % (version // 1000, version % 1000 // 10)
            count = cupy.cuda.runtime.getDeviceCount()
        except Exception as error:
            return unavailable(error)
    SEEN["available"] = count > 0
    for index in range(count):
        properties = cupy.cuda.runtime.getDeviceProperties(index)
        name = properties["name"]
        name = name.decode("utf-8", "replace") if isinstance(name, bytes) else name
        device(index, name, (properties["major"], properties["minor"]))
    if not count:
        return
    with cupy.cuda.Device(DEVICE):
        with timed("sine"):
            host = numpy.linspace(-3, 3, 1000 * 1000, dtype=numpy.float32).reshape(1000, 1000)
            there = cupy.sin(cupy.asarray(host))
            back = cupy.asnumpy(there)
            expected = numpy.sin(host)
            difference = numpy.abs(back - expected).max()
            right = numpy.allclose(back, expected, rtol=1e-5, atol=1e-6)
        check("sine", right, [there.device], there.device.id == DEVICE, difference)
        with timed("RawKernel"):
            n = 1024 * 1024
            a = cupy.arange(n, dtype=cupy.float32)
            b = a * 2
            c = cupy.empty_like(a)
            kernel = cupy.RawKernel(ADD, "add")
            kernel((n // 256,), (256,), (a, b, c, numpy.int32(n)))
            right = bool((cupy.asnumpy(c) == numpy.arange(n, dtype=numpy.float32) * 3).all())
        check("RawKernel", right, [c.device], c.device.id == DEVICE)
