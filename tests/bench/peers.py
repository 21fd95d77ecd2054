"""The programs that are compared, and how each one is told to do the same."""

import json
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from measure import run

COLD = "cold create"
NOOP = "no-op create, as typed"
NOOP_LOCK = "no-op create, from a lock"
WARM_LOCK = "warm create, from a lock"
UPDATE = "update of one package, from a lock"
WARM = "warm create, as typed"
NOOP_MANY = "no-op create of 400 packages, from a lock"
RUN = "`gpuenv run ENV -- true`"
HOOK = "`gpuenv shell-hook ENV`"

# In this order: each one needs what the ones before it leave.
OPERATIONS = [COLD, NOOP, WARM_LOCK, NOOP_LOCK, UPDATE, WARM, NOOP_MANY, RUN, HOOK]

# `a` is what is created first; `b` differs by one package.
SPECS = {
    "a": ["bench-env", "library00 1.*"],
    "b": ["bench-env", "library00 2.*"],
    "many": ["bench-many"],
}


@dataclass(eq=False)
class Peer:
    """A program in a place of its own."""

    name: str
    work: Path
    mirror: str
    environment: dict = field(default_factory=dict)

    def __post_init__(self):
        self.cache = self.work / "cache"
        self.prefix = self.work / "prefix"
        self.many = self.work / "many-prefix"
        (self.work / "home").mkdir(parents=True, exist_ok=True)
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.work / "home"),
            "RATTLER_CACHE_DIR": str(self.cache),
        }

    def lock(self, which):
        return self.work / which / "gpuenv.lock"

    def forget(self, directory):
        """Moves a directory away. Deleted, it would slow down what comes next:
        ext4 steps around each inode that was free a moment ago."""
        if directory.exists():
            aside = self.work / "aside"
            aside.mkdir(exist_ok=True)
            directory.rename(aside / str(len(os.listdir(aside))))

    def do(self, command, directory=None):
        return run(command, self.environment, directory or self.work)

    def read(self, command):
        """Runs a command for what it prints."""
        done = subprocess.run(command, env=self.environment, cwd=self.work, stdout=subprocess.PIPE, check=True)
        return done.stdout

    def measure(self, operation):
        """Measures an operation; `None` if the program does not have it."""
        command = self.command(operation)
        if command is None:
            return None
        if operation == COLD:
            self.forget(self.cache)
        if operation in (COLD, WARM, WARM_LOCK):
            self.forget(self.prefix)
        return self.do(command, self.work / "a")

    def prepare(self):
        """Makes what the operations start from; not measured."""

    def fill_cache(self):
        """Brings into the cache what only the update needs; not measured."""
        if self.command(UPDATE):
            self.do(self.from_lock("b", self.work / "other"))
            self.forget(self.work / "other")


class Gpuenv(Peer):
    """This program."""

    def __init__(self, program, work, mirror):
        super().__init__("gpuenv", work, mirror)
        self.program = str(Path(program).resolve())
        self.environment |= {"GPUENV_HOME": str(work / "gpuenv"), "GPUENV_MIRROR": mirror}

    def version(self):
        done = subprocess.run([self.program, "--version"], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def prepare(self):
        for which, specs in SPECS.items():
            directory = self.work / which
            directory.mkdir(exist_ok=True)
            # JSON is YAML.
            recipe = {
                "schema": 1,
                "name": "bench",
                "channels": ["bench"],
                "platforms": ["linux-64"],
                "gpu": "none",
                "dependencies": specs,
            }
            (directory / "gpuenv.yaml").write_text(json.dumps(recipe))
            self.do([self.program, "lock"], directory)
        self.do(self.from_lock("many", self.many))

    def measure(self, operation):
        if operation == COLD:
            # It solves too, as a first `create` does.
            self.lock("a").unlink()
        return super().measure(operation)

    def command(self, operation):
        if operation in (COLD, NOOP, WARM):
            return [self.program, "create", "-p", str(self.prefix)]
        if operation == RUN:
            return [self.program, "run", str(self.prefix), "--", "true"]
        if operation == HOOK:
            return [self.program, "shell-hook", str(self.prefix), "--shell", "bash"]
        if operation == NOOP_MANY:
            return self.from_lock("many", self.many)
        return self.from_lock("b" if operation == UPDATE else "a", self.prefix)

    def from_lock(self, which, prefix):
        return [self.program, "create", str(self.lock(which)), "-p", str(prefix)]

    def lock_command(self, case, platforms, output):
        chosen = [word for platform in platforms for word in ("--platform", platform)]
        return [self.program, "lock", case, *chosen, "--output", str(output)]


class PyRattler(Peer):
    """py-rattler: the same Rust crates, called from Python."""

    def __init__(self, python, work, mirror):
        super().__init__("py-rattler", work, mirror)
        script = Path(__file__).parent / "py_rattler_peer.py"
        self.start = [str(python), str(script)]
        self.at = ["--channel", f"{mirror}/bench", "--cache", str(self.cache)]

    def version(self):
        code = "import importlib.metadata as m; print('py-rattler', m.version('py-rattler'))"
        done = subprocess.run([self.start[0], "-c", code], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def prepare(self):
        for which in SPECS:
            (self.work / which).mkdir(exist_ok=True)
            other = self.work / "other"
            self.do([*self.create(which, other), "--lock", str(self.lock(which))])
            self.forget(other)
        self.do(self.from_lock("many", self.many))

    def create(self, which, prefix):
        specs = [word for spec in SPECS[which] for word in ("--spec", spec)]
        return [*self.start, "create", *self.at, *specs, "--prefix", str(prefix)]

    def from_lock(self, which, prefix):
        lock = ["--lock", str(self.lock(which)), "--prefix", str(prefix)]
        return [*self.start, "install", "--cache", str(self.cache), *lock]

    def command(self, operation):
        if operation in (COLD, NOOP, WARM):
            return self.create("a", self.prefix)
        if operation in (RUN, HOOK):
            return None
        if operation == NOOP_MANY:
            return self.from_lock("many", self.many)
        return self.from_lock("b" if operation == UPDATE else "a", self.prefix)

    def start_command(self):
        return [*self.start, "nothing"]

    def lock_command(self, cases_file):
        where = ["--mirror", self.mirror, "--cache", str(self.cache)]
        return [*self.start, "lock", *where, "--cases", str(cases_file)]


class RattlerBin(Peer):
    """The program `rattler`; it solves, and installs from specs only."""

    def __init__(self, program, work, mirror):
        super().__init__("rattler", work, mirror)
        self.program = str(Path(program).resolve())

    def version(self):
        done = subprocess.run([self.program, "--version"], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def solve_command(self, channels, platform, question):
        virtual = [word for text in question["virtual"] for word in ("--virtual-package", text)]
        return [self.program, "solve", *channels, "--platform", platform, *virtual, "--", *question["specs"]]

    def prepare(self):
        (self.work / "a").mkdir(exist_ok=True)

    def command(self, operation):
        if operation not in (COLD, NOOP, WARM):
            return None
        return [self.program, "create", "-c", f"{self.mirror}/bench", "-p", str(self.prefix), *SPECS["a"]]
