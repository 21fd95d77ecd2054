# TensorFlow: devices and their names, memory growth, the product of the
# tutorials with the place of every tensor, a convolution, and one step of Keras.


def probe():
    tf = load("tensorflow")
    cuda = tf.test.is_built_with_cuda()
    information = {}
    if hasattr(tf.sysconfig, "get_build_info"):
        information = dict(tf.sysconfig.get_build_info())
    SEEN["build"] = {
        "cuda": bool(cuda),
        "cuda_version": information.get("cuda_version"),
        "cudnn": information.get("cudnn_version"),
        "architectures": list(information.get("cuda_compute_capabilities", [])),
    }
    # `tf.test.is_gpu_available` is deprecated, and TensorFlow 2.0 has the new
    # name below `experimental` only.
    config = tf.config if hasattr(tf.config, "list_physical_devices") else tf.config.experimental
    with timed("list_physical_devices"):
        gpus = config.list_physical_devices("GPU")
        for index, gpu in enumerate(gpus):
            # Else TensorFlow takes the whole memory, also that of other GPUs.
            tf.config.experimental.set_memory_growth(gpu, True)
            details = {}
            if hasattr(tf.config.experimental, "get_device_details"):
                details = tf.config.experimental.get_device_details(gpu)
            device(index, details.get("device_name"), details.get("compute_capability"))
    SEEN["available"] = bool(gpus)
    if not gpus and cuda:
        unavailable("TensorFlow lists no GPU")
    place = "/GPU:%d" % DEVICE if gpus else "/CPU:0"
    product(tf, place)
    convolution(tf, place)
    training(tf, place)


def lies_on_gpu(tensors):
    wanted = "GPU:%d" % DEVICE
    return all(tensor.device.upper().endswith(wanted) for tensor in tensors)


def places(tensors):
    return [tensor.device for tensor in tensors]


def product(tf, place):
    with timed("product"):
        with tf.device(place):
            a = tf.constant([[1.0, 2.0], [3.0, 4.0]])
            b = tf.constant([[5.0, 6.0], [7.0, 8.0]])
            c = tf.matmul(a, b)
        numbers = c.numpy().tolist()
    right = numbers == [[19.0, 22.0], [43.0, 50.0]]
    # A constant is made on the host and put where the device says.
    check("product", right, places([a, b, c]), lies_on_gpu([a, b, c]))


def convolution(tf, place):
    with timed("convolution"):
        # Whole numbers, so that every way to add them up is exact.
        data = [float(n * 7 % 11 - 5) for n in range(16 * 16 * 3)]
        kernel = [float(n * 5 % 7 - 3) for n in range(3 * 3 * 3 * 4)]

        def convolve(where):
            with tf.device(where):
                x = tf.reshape(tf.constant(data), (1, 16, 16, 3))
                k = tf.reshape(tf.constant(kernel), (3, 3, 3, 4))
                return tf.nn.conv2d(x, k, strides=1, padding="VALID")

        expected = convolve("/CPU:0")
        there = convolve(place)
        difference = float(abs(expected.numpy() - there.numpy()).max())
    check("convolution", difference == 0, places([there]), lies_on_gpu([there]), difference)


def training(tf, place):
    with timed("Keras step"):
        with tf.device(place):
            tf.random.set_seed(3)
            model = tf.keras.Sequential(
                [
                    tf.keras.layers.Dense(128, activation="relu"),
                    tf.keras.layers.Dense(10),
                ]
            )
            loss = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
            model.compile(optimizer="adam", loss=loss)
            data = tf.random.normal((256, 784))
            labels = tf.random.uniform((256,), maxval=10, dtype=tf.int32)
            history = model.fit(data, labels, batch_size=64, epochs=1, verbose=0)
        value = float(history.history["loss"][0])
        variables = [getattr(v, "value", v) for v in model.trainable_variables]
        # In Keras 2 `value` is a method.
        variables = [v() if callable(v) else v for v in variables]
        finite = value == value and abs(value) != float("inf")
    check("Keras step", finite, places(variables), lies_on_gpu(variables))
