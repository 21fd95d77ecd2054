"""Times solves on real records, and compares what was chosen."""

import json
from collections import defaultdict

from pathlib import Path

from measure import Failed
from peers import Gpuenv, PyRattler

RECIPES = ["pytorch-gpu", "tf-gpu"]
PLATFORMS = [["linux-64"], ["linux-64", "win-64"]]


CANONICAL = "https://conda.anaconda.org/"


def measure(found, rounds, rest, recipes):
    """Returns samples by what was locked and peer, and how the solutions differ.

    `recipes` are names or files; none means the two that are always measured.
    """
    gpuenv = next(peer for peer in found if isinstance(peer, Gpuenv))
    rattler = next((peer for peer in found if isinstance(peer, PyRattler)), None)
    output = gpuenv.work / "solved.lock"
    samples = defaultdict(lambda: defaultdict(list))
    chosen = {}
    cases = {}
    chosen_recipes = lockable(gpuenv, recipes, output) if recipes else RECIPES
    for number in range(rounds):
        for recipe in chosen_recipes:
            for platforms in PLATFORMS[:1] if recipes else PLATFORMS:
                key = f"{Path(recipe).stem}, {len(platforms)} platform{'s' if platforms[1:] else ''}"
                rest()
                turns = [lambda: ours(gpuenv, recipe, platforms, output, samples, key)]
                if rattler:
                    if key not in cases:
                        cases[key] = write_cases(gpuenv, rattler, recipe, platforms, output)
                    turns.append(lambda: theirs(rattler, cases[key], samples, key))
                for turn in turns[number % 2 :] + turns[: number % 2]:
                    turn()
                if rattler and key not in chosen:
                    chosen[key] = compare(rattler, output, cases[key])
            if not recipes:
                check(gpuenv, recipe, samples)
    return {"samples": samples, "same": chosen}


def lockable(gpuenv, recipes, output):
    """Returns the recipes that the records suffice for, and says which ones do not."""
    kept = []
    for recipe in recipes:
        try:
            gpuenv.do(gpuenv.lock_command(recipe, PLATFORMS[0], output))
            kept.append(recipe)
        except Failed as failure:
            print(f"{Path(recipe).stem}: not measured: {str(failure).splitlines()[1]}")
        output.unlink(missing_ok=True)
    return kept


def ours(gpuenv, recipe, platforms, output, samples, key):
    gpuenv.forget(gpuenv.cache)
    for state in ("cold", "warm"):
        # Without a lock there is nothing to keep.
        output.unlink(missing_ok=True)
        sample = gpuenv.do(gpuenv.lock_command(recipe, platforms, output))
        samples[f"{key}, {state}"][gpuenv.name].append(sample)


def theirs(rattler, cases, samples, key):
    rattler.forget(rattler.cache)
    for state in ("cold", "warm"):
        sample = rattler.do(rattler.lock_command(cases))
        samples[f"{key}, {state}"][rattler.name].append(sample)


def check(gpuenv, recipe, samples):
    """Times `lock --check` on the lock of all platforms."""
    lock = gpuenv.work / "gpuenv.lock"
    lock.unlink(missing_ok=True)
    gpuenv.do(gpuenv.lock_command(recipe, [], lock))
    sample = gpuenv.do([gpuenv.program, "lock", recipe, "--check"])
    samples[f"{recipe}, `lock --check`"][gpuenv.name].append(sample)


def write_cases(gpuenv, rattler, recipe, platforms, output):
    """Gives py-rattler the question that our lock says it answers."""
    output.unlink(missing_ok=True)
    gpuenv.do(gpuenv.lock_command(recipe, platforms, output))
    text = output.read_text()
    specs, channels = specs_of(text), channels_of(text)
    virtual = json.loads(rattler.read([*rattler.start, "virtual", "--lock", str(output)]))
    cases = rattler.work / f"{Path(recipe).stem}-{len(platforms)}.json"
    found = {
        platform: {"specs": specs[platform], "virtual": virtual[platform], "channels": channels}
        for platform in platforms
    }
    cases.write_text(json.dumps(found))
    return cases


def channels_of(lock_text):
    """Reads the channels of a lock, below the place that they are served from."""
    lines = [line.strip() for line in lock_text.splitlines()]
    urls = [line.removeprefix("- url: ").strip('"') for line in lines if line.startswith("- url: ")]
    return [url.removeprefix(CANONICAL).strip("/") for url in dict.fromkeys(urls) if url.startswith(CANONICAL)]


def specs_of(lock_text):
    """Reads the match specs from the `gpuenv` key of a lock."""
    specs, platform, inside = {}, None, False
    for line in lock_text.partition("\ngpuenv:\n")[2].splitlines():
        if line.startswith("    ") and line[4] != " ":
            platform = line.strip().rstrip(":")
            specs[platform] = []
        elif line.startswith("      - ") and inside:
            specs[platform].append(json.loads(line[8:]))
        else:
            inside = line == "      dependencies:"
    return specs


def compare(rattler, output, cases):
    """Returns how many packages both chose, and how many only one of them."""
    theirs = json.loads(rattler.read(rattler.lock_command(cases)))
    ours = json.loads(rattler.read([*rattler.start, "packages", "--lock", str(output)]))
    return {
        platform: {"same": len(set(ours[platform]) & set(found)), "different": len(set(ours[platform]) ^ set(found))}
        for platform, found in theirs.items()
    }
