"""Times installs, and makes sure that all programs installed the same."""

import os
from collections import defaultdict

from peers import COLD, OPERATIONS


def measure(found, rounds, rest):
    """Returns samples by operation and peer. The peers take turns."""
    for peer in found:
        peer.prepare()
    samples = {operation: defaultdict(list) for operation in OPERATIONS}
    starts = []
    for number in range(rounds):
        # Nobody is always the first one after the others.
        order = found[number % len(found) :] + found[: number % len(found)]
        for operation in OPERATIONS:
            rest()
            for peer in order:
                sample = peer.measure(operation)
                if sample:
                    samples[operation][peer.name].append(sample)
            if operation == COLD:
                if number == 0:
                    compare(found)
                for peer in found:
                    peer.fill_cache()
        for peer in found:
            if hasattr(peer, "start_command"):
                starts.append(peer.do(peer.start_command()))
    return {"samples": samples, "start_of_python": starts}


def compare(found):
    """Fails unless all prefixes hold the same files of packages."""
    trees = {peer.name: tree(peer.prefix) for peer in found}
    first, *others = trees.items()
    for name, files in others:
        if files != first[1]:
            different = sorted(set(files.items()) ^ set(first[1].items()))[:5]
            raise SystemExit(f"{first[0]} and {name} installed different things: {different}")


def tree(prefix):
    """Returns the files of packages, with their sizes and what links point to."""
    files = {}
    for directory, _, names in os.walk(prefix):
        for name in names:
            path = os.path.join(directory, name)
            relative = os.path.relpath(path, prefix)
            # Notes that each program writes in its own way.
            if not relative.startswith(("conda-meta/", "etc/conda/", ".")) and "/__pycache__/" not in relative:
                files[relative] = shape(path, len(str(prefix)))
    return files


def shape(path, prefix_length):
    if os.path.islink(path):
        return os.readlink(path)
    size = os.path.getsize(path)
    # Where the prefix was written into a text, its length differs from peer to peer.
    return size if size > 4096 else "small"
