#!/usr/bin/env python3
"""Cuts the slice in tests/data/real from a directory of real records and solves.

usage: tests/real/slice.py DIR

DIR holds `channels/` (repodata.json.zst by channel and subdir) and `gpu-solves.json`.
Kept are all versions of every package that one of the chosen solves or roots
needs; of each record, what a solve or a lock looks at. Needs the program `zstd`.
"""

import collections
import fnmatch
import json
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent.parent / "data" / "real"

# Parts of the ids of the chosen solves.
CASES = [
    "cboettig/pixi-cuda-environment:pixi.lock:default:linux-64@c014c7a48c",
    "Glatzel/pyxis:cuda/pixi.lock:default:win-64@cdc3d2ce21",
    "Glatzel/pyxis:python-cuda/pixi.lock:test:win-64@1d0a308c60",
    "matthewfeickert/pytorch-gpu-pixi-example:pixi.lock:default:win-64@12c981771d",
    "pablovela5620/VistaDream:pixi.lock:default:linux-64@141e9fd92a",
    "prefix-dev/pixi:examples/multi-machine/pixi.lock:cuda:win-64@e6bea41b5e",
    "prefix-dev/pixi:examples/pytorch/pixi.lock:cf-channel:linux-64@7bed12cbad",
    "prefix-dev/pixi:examples/pytorch/pixi.lock:cf-channel:linux-aarch64@7bed12cbad",
    "prefix-dev/pixi:examples/pytorch/pixi.lock:nvidia-channel:linux-64@7bed12cbad",
    "prefix-dev/pixi:examples/pytorch/pixi.lock:pytorch-channel:linux-64@7bed12cbad",
    "scipy/scipy:.github/workflows/pixi.lock:cupy:linux-64@0738c8f6a3",
    "scipy/scipy:.github/workflows/pixi.lock:jax-cuda:linux-64@0738c8f6a3",
    "scipy/scipy:.github/workflows/pixi.lock:torch-cuda:linux-64@0738c8f6a3",
]

# What the recipes and the unsolvable requests need beside these: a channel, a
# subdir, a name, and the beginning of a version.
ROOTS = [
    ("conda-forge", "linux-64", "tensorflow", "2.10."),
    ("conda-forge", "linux-64", "tensorflow", "2.19."),
    ("conda-forge", "linux-64", "pytorch-gpu", "2.5."),
    ("conda-forge", "linux-64", "pytorch-gpu", "2.12."),
    ("conda-forge", "linux-64", "cupy", "10."),
    ("conda-forge", "win-64", "cudatoolkit", "11.2."),
    ("conda-forge", "win-64", "cudnn", "8.1."),
    ("conda-forge", "win-64", "pytorch-gpu", "2.10."),
]

SUBDIRS = ["linux-64", "linux-aarch64", "win-64", "noarch"]
KINDS = ["packages", "packages.conda"]
FIELDS = [
    "name", "version", "build", "build_number", "subdir", "noarch", "depends",
    "constrains", "track_features", "timestamp", "sha256", "size",
]


def load(data, channel, subdir):
    path = data / "channels" / channel / subdir / "repodata.json.zst"
    if not path.exists():
        return {kind: {} for kind in KINDS}
    unpacked = subprocess.run(["zstd", "-dc", path], check=True, capture_output=True).stdout
    return json.loads(unpacked)


def records(repodata):
    return [record for kind in KINDS for record in repodata[kind].values()]


def name_of(spec):
    for end, char in enumerate(spec):
        if char in " =<>!~[;":
            return spec[:end]
    return spec


def pinned(spec, record):
    """Whether the record is the very version and build that the spec names, if it names one."""
    words = spec.split() + ["*", "*"]
    version, build = words[1].removeprefix("=="), words[2]
    if not any(char in version for char in "<>=!~|,*"):
        return record["version"] == version and fnmatch.fnmatch(record["build"], build)
    return True


def numbers(record):
    """A rough order of versions, good enough to find the highest."""
    return [int(word) for word in re.findall("[0-9]+", record["version"])]


def closure(roots, found):
    """Returns the names of what the roots need: of each dependency, the highest and the latest
    record that fits."""
    by_name = collections.defaultdict(list)
    for record in found:
        by_name[record["name"]].append(record)
    names = set()
    seen = set()
    todo = list(roots)
    while todo:
        record = todo.pop()
        names.add(record["name"])
        for spec in record["depends"]:
            fits = [other for other in by_name[name_of(spec)] if pinned(spec, other)]
            for key in (numbers, lambda other: other.get("timestamp", 0)):
                best = max(fits, key=key, default=None)
                if best is not None and id(best) not in seen:
                    seen.add(id(best))
                    todo.append(best)
    return names


def main(data):
    solves = json.loads((data / "gpu-solves.json").read_text())
    cases = [solve for solve in solves if solve["id"] in CASES]
    assert len(cases) == len(CASES), "a chosen solve is missing"
    channels = sorted(
        {
            channel
            for case in cases
            for url in case["channels"]
            for channel in ["/".join(url.rstrip("/").split("/")[3:])]
            if (data / "channels" / channel).is_dir()
        }
    )
    repodata = {(c, s): load(data, c, s) for c in channels for s in SUBDIRS}
    names = {path.split("/")[-1].rsplit("-", 2)[0] for case in cases for path in case["locked"]}
    for subdir in SUBDIRS[:-1]:
        found = [r for c in channels for s in (subdir, "noarch") for r in records(repodata[c, s])]
        roots = [
            record
            for channel, at, name, version in ROOTS
            if at == subdir
            for record in records(repodata[channel, at])
            if record["name"] == name and record["version"].startswith(version)
        ]
        names |= closure(roots, found)
    for (channel, subdir), index in repodata.items():
        kept = {
            kind: {
                file: {field: record[field] for field in FIELDS if record.get(field) not in (None, [], "")}
                | {"depends": record["depends"]}
                for file, record in sorted(index[kind].items())
                if record["name"] in names
            }
            for kind in KINDS
        }
        if subdir != "noarch" and not any(kept.values()):
            continue
        target = HERE / "channels" / channel / subdir / "repodata.json.zst"
        target.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"info": {"subdir": subdir}, **kept}, separators=(",", ":"))
        subprocess.run(
            ["zstd", "-q", "-f", "-19", "-o", target], check=True, input=text.encode()
        )
        print(channel, subdir, sum(map(len, kept.values())), "records", target.stat().st_size, "bytes")
    wanted = [
        "id", "source", "commit", "platform", "channels", "declared", "solve_group",
        "max_record_timestamp_ms", "locked", "check",
    ]
    for case in cases:
        case["check"] = {key: case["check"][key] for key in ("exclude_newer", "specs")}
        case["declared"] = {"system-requirements": case["declared"].get("system-requirements")}
        if case["solve_group"]:
            environments = case["solve_group"]["environments"]
            case["solve_group"]["environments"] = {
                name: {"system-requirements": environment.get("system-requirements")}
                for name, environment in environments.items()
            }
    cases = [{key: case[key] for key in wanted} for case in cases]
    (HERE / "gpu-solves.json").write_text(json.dumps(cases, indent=1) + "\n")
    print(len(cases), "solves,", len(names), "names")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(pathlib.Path(sys.argv[1]))
