# What every framework's program begins with: how it tells what it sees.
#
# gpuenv puts this text before one of its neighbours and hands both to the
# environment's own Python (3.6 or later). Each message is a line of its own
# behind a mark; whatever the framework prints besides is noise. Nothing is
# judged here: a program says what it asked for, what came, and where it lay.
import json
import os
import sys
import time

# A program given with `-c` would find modules in the current directory first.
sys.path[:] = [entry for entry in sys.path if entry]

DEVICE = int(sys.argv[1]) if len(sys.argv) > 1 else 0
STEP = ["start"]
# A copy, because some libraries close or redirect what they think is theirs.
OUT = os.dup(1)

SEEN = {
    "schema": 1,
    "python": {
        "version": "%d.%d.%d" % sys.version_info[:3],
        "executable": os.path.realpath(sys.executable or ""),
        "prefix": os.path.realpath(sys.prefix),
    },
    "module": None,
    "error": None,
    "build": None,
    "available": None,
    "why_unavailable": None,
    "devices": [],
    "chosen": DEVICE,
    "checks": [],
    "memory": None,
    "loaded": [],
    "timings": [],
}


def tell(kind, value):
    line = json.dumps({kind: value})
    data = ("\n\x1egpuenv-probe " + line + "\n").encode("utf-8", "replace")
    while data:
        data = data[os.write(OUT, data):]


def at(step):
    STEP[0] = step
    tell("at", {"call": step, "device": None})


class timed:
    def __init__(self, step):
        self.step = step

    def __enter__(self):
        at(self.step)
        self.start = time.time()

    def __exit__(self, *_):
        spent = round((time.time() - self.start) * 1000, 3)
        SEEN["timings"].append({"step": self.step, "milliseconds": spent})
        tell("so_far", SEEN)


def load(name):
    with timed("import " + name):
        module = __import__(name)
    found(name, module)
    return module


def found(name, module, version=None):
    version = version or getattr(module, "__version__", None)
    file = getattr(module, "__file__", None)
    SEEN["module"] = {
        "name": name,
        "version": str(version) if version is not None else None,
        "file": os.path.realpath(file) if file else None,
    }
    tell("so_far", SEEN)


def device(index, name=None, capability=None):
    if capability is not None:
        capability = "%d.%d" % tuple(capability)[:2]
    SEEN["devices"].append(
        {"index": index, "name": name, "compute_capability": capability}
    )


def unavailable(why):
    SEEN["available"] = False
    SEEN["why_unavailable"] = str(why)[:2000]


def check(name, right, places, on_gpu, difference=None):
    """Notes one comparison: whether it was right, and where its parts lay."""
    if difference is not None:
        difference = float(difference)
        if difference != difference or difference in (float("inf"), float("-inf")):
            difference = None
    SEEN["checks"].append(
        {
            "name": name,
            "right": bool(right),
            "places": [str(place) for place in places],
            "on_gpu": bool(on_gpu),
            "difference": difference,
        }
    )
    tell("so_far", SEEN)


# Libraries by whose place one sees which CUDA a program really uses.
WATCHED = (
    "libcuda.", "libcudart", "libcublas", "libcudnn", "libcufft", "libcurand",
    "libcusolver", "libcusparse", "libnccl", "libnvrtc", "libnvJitLink",
)


def loaded():
    """Returns the CUDA libraries that this process has really mapped."""
    try:
        with open("/proc/self/maps") as maps:
            files = {line.rstrip("\n").split(None, 5)[5] for line in maps if "/" in line}
    except (OSError, IndexError):
        return []
    named = [f for f in files if os.path.basename(f).startswith(WATCHED)]
    return sorted(os.path.realpath(file) for file in named)


def main(probe):
    try:
        probe()
    except BaseException as error:  # also what ends the interpreter
        missing = getattr(error, "name", None) if isinstance(error, ImportError) else None
        SEEN["error"] = {
            "kind": type(error).__name__,
            "text": str(error)[:2000],
            "step": STEP[0],
            "missing": missing,
        }
    SEEN["loaded"] = loaded()
    tell("final", SEEN)
    # Some frameworks crash while they clean up.
    at("exit")
