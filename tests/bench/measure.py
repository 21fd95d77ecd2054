"""Runs a program and says what it took."""

import hashlib
import os
import shutil
import statistics
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

# A program that takes longer has failed.
DEADLINE = 900

TIME = shutil.which("time", path="/usr/bin:/bin:/usr/local/bin")


@dataclass
class Sample:
    """What one run took."""

    seconds: float
    user: float
    system: float
    # None where the machine has no GNU time: a process that Python starts has
    # at least Python's own peak, so the number would be wrong.
    peak_mib: float | None


class Failed(Exception):
    """A program ended with another exit code than it should."""


def run(command, environment, directory, expected=0):
    """Runs a command; returns what it took."""
    # What an earlier run still has to write is not this one's burden.
    os.sync()
    with tempfile.TemporaryDirectory() as scratch:
        peak_file = Path(scratch) / "peak"
        log = Path(scratch) / "log"
        full = [TIME, "-f", "%M", "-o", str(peak_file), "--", *command] if TIME else command
        with log.open("wb") as output:
            start = time.perf_counter()
            process = subprocess.Popen(full, env=environment, cwd=directory, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
            alarm = threading.Timer(DEADLINE, process.kill)
            alarm.start()
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - start
            alarm.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != expected:
            text = log.read_text(errors="replace")[-2000:]
            raise Failed(f"`{' '.join(map(str, command))}` ended with {process.returncode}:\n{text}")
        peak = int(peak_file.read_text().split()[-1]) / 1024 if TIME else None
    return Sample(seconds, usage.ru_utime, usage.ru_stime, peak)


def spin():
    """Returns how long the same work takes now: how busy the machine is."""
    start = time.perf_counter()
    block = bytes(1 << 20)
    for _ in range(64):
        hashlib.sha256(block).digest()
    return time.perf_counter() - start


def median(values):
    return statistics.median(values) if values else None
