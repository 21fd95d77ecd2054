"""What is measured of py-rattler: the calls that its documentation shows. Runs in its own Python."""

import argparse
import asyncio
import json
import os
import sys
from pathlib import Path

import rattler
from rattler import Gateway, LockFile, LockPlatform, SourceConfig, solve


def gateway(cache):
    # Without shards, as gpuenv reads mirrors: the served channels have none.
    return Gateway(cache_dir=Path(cache) / "repodata", default_config=SourceConfig(sharded_enabled=False))


def virtual_packages(texts):
    parts = [text.split("=") for text in texts]
    return [
        rattler.GenericVirtualPackage(rattler.PackageName(name), rattler.Version(version), rattler.BuildString(build))
        for name, version, build in parts
    ]


async def solved(channels, platform, specs, virtual, shared):
    return await solve(
        sources=channels,
        specs=specs,
        gateway=shared,
        platforms=[platform, "noarch"],
        virtual_packages=virtual_packages(virtual),
    )


async def create(options):
    """From specs to an environment."""
    records = await solved(options.channel, "linux-64", options.spec, [], gateway(options.cache))
    await install(records, options)
    if options.lock:
        platform = LockPlatform("linux-64")
        lock = LockFile([platform])
        for record in records:
            lock.add_conda_package("default", platform, record)
        lock.to_path(options.lock)


async def from_lock(options):
    """From a lock to an environment."""
    environment = LockFile.from_path(options.lock).default_environment()
    [platform] = environment.platforms()
    await install(environment.conda_repodata_records_for_platform(platform), options)


async def install(records, options):
    cache = Path(options.cache) / "pkgs"
    await rattler.install(records, options.prefix, cache_dir=cache, show_progress=False)


def channels(options, case):
    """A case may name channels of a mirror; else they are those of the command line."""
    return [f"{options.mirror}/{name}" for name in case["channels"]] if options.mirror else options.channel


async def lock(options):
    """Solves for several platforms at the same time, and prints what was chosen."""
    shared = gateway(options.cache)
    cases = json.loads(Path(options.cases).read_text())
    solutions = await asyncio.gather(
        *(
            solved(channels(options, case), platform, case["specs"], case["virtual"], shared)
            for platform, case in cases.items()
        )
    )
    print(json.dumps({p: sorted(record.file_name for record in s) for p, s in zip(cases, solutions)}))


async def virtual(options):
    """Prints the virtual packages that a lock was solved for."""
    platforms = LockFile.from_path(options.lock).platforms()
    print(json.dumps({str(platform.subdir): platform.virtual_packages for platform in platforms}))


async def packages(options):
    """Prints what a lock holds."""
    environment = LockFile.from_path(options.lock).default_environment()
    found = {}
    for platform in environment.platforms():
        records = environment.conda_repodata_records_for_platform(platform)
        found[str(platform.subdir)] = sorted(record.file_name for record in records)
    print(json.dumps(found))


async def nothing(_):
    """Starts Python and imports py-rattler."""


def main():
    work = {
        "create": create,
        "install": from_lock,
        "lock": lock,
        "virtual": virtual,
        "packages": packages,
        "nothing": nothing,
    }
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=work)
    parser.add_argument("--channel", action="append")
    parser.add_argument("--mirror")
    parser.add_argument("--spec", action="append")
    parser.add_argument("--prefix")
    parser.add_argument("--cache")
    parser.add_argument("--lock")
    parser.add_argument("--cases")
    options = parser.parse_args()
    asyncio.run(work[options.what](options))
    # The end of the interpreter sometimes aborts in py-rattler 0.28, after all is done.
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
