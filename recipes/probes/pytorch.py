# PyTorch: tensors and a model moved to the GPU, forward and backward against
# the CPU, a convolution, and what its allocator does.


def probe():
    torch = load("torch")
    # `torch.cuda.get_arch_list` says nothing where there is no GPU.
    flags = getattr(torch._C, "_cuda_getArchFlags", lambda: None)()
    SEEN["build"] = {
        "cuda": torch.version.cuda is not None,
        "cuda_version": torch.version.cuda,
        "cudnn": None,
        "architectures": (flags or "").split(),
    }
    with timed("is_available"):
        SEEN["available"] = torch.cuda.is_available()
    if SEEN["available"]:
        for index in range(torch.cuda.device_count()):
            device(
                index,
                torch.cuda.get_device_name(index),
                torch.cuda.get_device_capability(index),
            )
        cudnn = torch.backends.cudnn.version()
        SEEN["build"]["cudnn"] = str(cudnn) if cudnn else None
    elif SEEN["build"]["cuda"]:
        # `is_available` hides the reason; what it calls does not.
        try:
            torch.cuda.init()
        except Exception as error:
            unavailable(error)
    place = "cuda:%d" % DEVICE if SEEN["available"] else "cpu"
    # Full single precision, so that the comparison with the CPU is a fair one.
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    product(torch, place)
    round_trip(torch, place)
    model(torch, place)
    convolution(torch, place)
    if SEEN["available"]:
        memory(torch, place)


def places(tensors):
    return [tensor.device for tensor in tensors]


def on_gpu(tensors):
    return all(tensor.is_cuda for tensor in tensors)


def product(torch, place):
    with timed("product"):
        a = torch.tensor([[1.0, 2.0], [3.0, 4.0]], device=place)
        b = torch.tensor([[5.0, 6.0], [7.0, 8.0]], device=place)
        c = torch.matmul(a, b)
        numbers = c.cpu().tolist()
    right = numbers == [[19.0, 22.0], [43.0, 50.0]]
    check("product", right, places([a, b, c]), on_gpu([a, b, c]))


def round_trip(torch, place):
    with timed("round trip"):
        host = torch.arange(100000, dtype=torch.float32)
        there = host.to(place)
        back = there.cpu()
    check("round trip", torch.equal(host, back), places([there]), on_gpu([there]))


def model(torch, place):
    with timed("model"):
        torch.manual_seed(1)
        net = torch.nn.Linear(100, 10)
        data = torch.randn(64, 100)
        target = torch.randint(0, 10, (64,))

        def step(net, data, target):
            net.zero_grad()
            output = net(data)
            loss = torch.nn.functional.cross_entropy(output, target)
            loss.backward()
            gradient = net.weight.grad
            return output.detach().cpu(), gradient.detach().cpu().clone(), gradient

        output, gradient, _ = step(net, data, target)
        net = net.to(place)
        parameters = list(net.parameters())
        there, moved, itself = step(net, data.to(place), target.to(place))
        difference = max(
            (output - there).abs().max().item(), (gradient - moved).abs().max().item()
        )
    parts = parameters + [itself]
    check("model", difference <= 1e-4, places(parts), on_gpu(parts), difference)


def convolution(torch, place):
    with timed("convolution"):
        torch.manual_seed(2)
        data = torch.randn(1, 3, 16, 16)
        kernel = torch.randn(4, 3, 3, 3)
        convolve = torch.nn.functional.conv2d
        expected = convolve(data, kernel)
        there = convolve(data.to(place), kernel.to(place))
        difference = (expected - there.cpu()).abs().max().item()
    check("convolution", difference <= 1e-4, places([there]), on_gpu([there]), difference)


def memory(torch, place):
    with timed("memory"):
        cuda = torch.cuda
        cuda.synchronize(place)
        cuda.empty_cache()
        before = cuda.memory_allocated(place)
        free = None
        if hasattr(cuda, "mem_get_info"):
            free = cuda.mem_get_info(place)[0]
        # 256 MiB, or less where there is less.
        size = min(256 << 20, (free or 1 << 40) // 4)
        block = torch.empty(size, dtype=torch.uint8, device=place)
        held = (cuda.memory_allocated(place), cuda.memory_reserved(place))
        del block
        dropped = (cuda.memory_allocated(place), cuda.memory_reserved(place))
        cuda.empty_cache()
        after = (cuda.memory_allocated(place), cuda.memory_reserved(place))
    SEEN["memory"] = {
        "asked": size,
        "allocated_before": before,
        "allocated_held": held[0],
        "reserved_held": held[1],
        "allocated_dropped": dropped[0],
        "reserved_dropped": dropped[1],
        "reserved_emptied": after[1],
    }
    right = (
        held[0] - before >= size
        and dropped[0] - before < size
        and dropped[1] >= size
        and after[1] <= dropped[1] - size
    )
    check("memory", right, [place], True)
