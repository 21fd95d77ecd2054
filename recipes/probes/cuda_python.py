# cuda-python: the element-wise sum, compiled by NVRTC and launched by hand.

import ctypes

ADD = b"""
extern "C" __global__ void add(const float* a, const float* b, float* c, int n) {
    int i = blockDim.x * blockIdx.x + threadIdx.x;
    if (i < n) c[i] = a[i] + b[i];
}
"""


def probe():
    with timed("import cuda"):
        import cuda

        try:
            from cuda.bindings import driver, nvrtc
        except ImportError:
            from cuda import cuda as driver, nvrtc
    version = getattr(cuda, "__version__", None)
    try:
        import cuda.bindings

        version = version or cuda.bindings.__version__
    except ImportError:
        pass
    found("cuda", driver, version)
    SEEN["build"] = {"cuda": True, "cuda_version": None, "cudnn": None, "architectures": []}

    def call(name, answer):
        at(name)
        status, rest = answer[0], answer[1:]
        if int(status) != 0:
            raise RuntimeError("%s answered %d (%s)" % (name, int(status), status.name))
        return rest[0] if len(rest) == 1 else rest

    with timed("cuInit"):
        try:
            call("cuInit", driver.cuInit(0))
            count = call("cuDeviceGetCount", driver.cuDeviceGetCount())
        except Exception as error:
            return unavailable(error)
    SEEN["available"] = count > 0
    attribute = driver.CUdevice_attribute
    capability = (0, 0)
    for index in range(count):
        gpu = call("cuDeviceGet", driver.cuDeviceGet(index))
        name = call("cuDeviceGetName", driver.cuDeviceGetName(256, gpu))
        numbers = tuple(
            call("cuDeviceGetAttribute", driver.cuDeviceGetAttribute(wanted, gpu))
            for wanted in (
                attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR,
                attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR,
            )
        )
        device(index, name.split(b"\0")[0].decode("utf-8", "replace"), numbers)
        if index == DEVICE:
            capability = numbers
    if not count:
        return
    with timed("kernel"):
        run(driver, nvrtc, call, capability)


def run(driver, nvrtc, call, capability):
    import numpy

    gpu = call("cuDeviceGet", driver.cuDeviceGet(DEVICE))
    # The context that everybody shares: a second one fails in exclusive mode.
    context = call("cuDevicePrimaryCtxRetain", driver.cuDevicePrimaryCtxRetain(gpu))
    call("cuCtxSetCurrent", driver.cuCtxSetCurrent(context))
    program = call("nvrtcCreateProgram", nvrtc.nvrtcCreateProgram(ADD, b"add.cu", 0, [], []))
    option = b"--gpu-architecture=compute_%d%d" % capability
    call("nvrtcCompileProgram", nvrtc.nvrtcCompileProgram(program, 1, [option]))
    size = call("nvrtcGetPTXSize", nvrtc.nvrtcGetPTXSize(program))
    ptx = b" " * size
    call("nvrtcGetPTX", nvrtc.nvrtcGetPTX(program, ptx))
    module = call("cuModuleLoadData", driver.cuModuleLoadData(numpy.char.array(ptx)))
    kernel = call("cuModuleGetFunction", driver.cuModuleGetFunction(module, b"add"))
    n = 1024 * 1024
    a = numpy.arange(n, dtype=numpy.float32)
    b = a * 2
    c = numpy.zeros(n, dtype=numpy.float32)
    blocks = [call("cuMemAlloc", driver.cuMemAlloc(a.nbytes)) for _ in range(3)]
    call("cuMemcpyHtoD", driver.cuMemcpyHtoD(blocks[0], a.ctypes.data, a.nbytes))
    call("cuMemcpyHtoD", driver.cuMemcpyHtoD(blocks[1], b.ctypes.data, b.nbytes))
    values = tuple(int(block) for block in blocks) + (n,)
    types = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int)
    launched = driver.cuLaunchKernel(
        kernel, n // 256, 1, 1, 256, 1, 1, 0, driver.CUstream(0), (values, types), 0
    )
    call("cuLaunchKernel", launched)
    call("cuCtxSynchronize", driver.cuCtxSynchronize())
    call("cuMemcpyDtoH", driver.cuMemcpyDtoH(c.ctypes.data, blocks[2], c.nbytes))
    for block in blocks:
        call("cuMemFree", driver.cuMemFree(block))
    call("cuModuleUnload", driver.cuModuleUnload(module))
    call("cuDevicePrimaryCtxRelease", driver.cuDevicePrimaryCtxRelease(gpu))
    check("kernel", bool((c == a * 3).all()), ["GPU %d" % DEVICE], True)
