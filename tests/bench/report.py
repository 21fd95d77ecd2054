"""Prints samples as Markdown."""

from measure import median


def show(results, rounds):
    noise = results["noise"]
    spins = noise["spins"]
    print(f"\nMedians of {rounds} rounds (fastest–slowest). ", end="")
    print(
        f"The same {len(spins)} pieces of work between them took {1000 * min(spins):.0f} ms, in the median "
        f"{1000 * median(spins):.0f}, at most {1000 * max(spins):.0f}; "
        f"load {noise['load_before']:.1f} before, {noise['load_after']:.1f} after."
    )
    if "installs" in results:
        held = results["channel"]
        print(
            f"{held['packages']} packages, {held['files']:,} files, {held['bytes'] / 1e6:.0f} MB, "
            f"{held['archive_bytes'] / 1e6:.0f} MB compressed. {', '.join(results['versions'])}.\n"
        )
        table(results["installs"]["samples"], "peer")
        starts = [sample.seconds for sample in results["installs"]["start_of_python"]]
        if starts:
            print(f"\nStarting Python and importing py-rattler takes {1000 * median(starts):.0f} ms of each of its rows.")
    if "locks" in results:
        print()
        table(results["locks"]["samples"], "peer")
        for key, platforms in results["locks"]["same"].items():
            for platform, counts in platforms.items():
                print(f"\n{key}, {platform}: {counts['same']} packages chosen by both, {counts['different']} by one only.")


def table(samples, column):
    print(f"| what | {column} | wall s | against gpuenv | user+sys s | peak MiB |")
    print("|---|---|---:|---:|---:|---:|")
    for what, by_peer in samples.items():
        own = median([sample.seconds for sample in by_peer.get("gpuenv", [])])
        for peer, runs in by_peer.items():
            seconds = [run.seconds for run in runs]
            cpu = median([run.user + run.system for run in runs])
            peaks = [run.peak_mib for run in runs if run.peak_mib is not None]
            peak = f"{median(peaks):.0f}" if peaks else "not measured"
            ratio = f"{median(seconds) / own:.2f}" if own else ""
            print(
                f"| {what} | {peer} | {median(seconds):.3f} ({min(seconds):.3f}–{max(seconds):.3f}) "
                f"| {ratio} | {cpu:.3f} | {peak} |"
            )
