#!/usr/bin/env python3
"""Times LIF trials of a trained network in mdl-rnn and its peers, in turn, each on one core, and prints ratios of medians; then
times trials of mdl-rnn for several sizes, numbers of modes and firing rates.

usage: bench/lif.py [NAME ...] [--rounds R] [--trials B] [--write]      names: go-nogo, mante, scaling; default: all

Needs the programs (`make build`), Octave on the PATH, and the packages of bench/peers/lif-requirements.txt in the Python
that runs this file; `make bench-lif` installs the packages. The time of mdl-rnn is that of the whole program: start, files,
search and figure. `--write` updates the tables in docs/benchmarks.md.
"""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import scipy.io

ROOT = pathlib.Path(__file__).resolve().parent.parent
BIN, PEERS = ROOT / "target" / "release", ROOT / "bench" / "peers"
sys.path.insert(0, str(PEERS))
import lif_network  # noqa: E402

PAGE = ROOT / "docs" / "benchmarks.md"
MARKS = "<!-- bench/lif.py writes from here -->\n", "<!-- to here: LIF -->\n"

CRITERION_NOT_MET = 4
lines = []


def say(line):
    lines.append(line)
    print(line, flush=True)


def run(*command, **options):
    done = subprocess.run([str(c) for c in command], stdout=subprocess.PIPE, text=True, **options)
    if done.returncode not in (0, CRITERION_NOT_MET):
        raise SystemExit(f"{command[0]} ended with status {done.returncode}")
    return json.loads(done.stdout.splitlines()[-1])


def search(rate, scratch, factors, trials, threads):
    """Duration of a whole search in seconds, and its result."""
    begin = time.perf_counter()
    result = run(BIN / "lambda-search", rate, "--force", "--quiet", "--threads", threads, "-o", scratch / "lif.st",
                 "--set", f"search.trials={trials}", "--set", f"search.factors={json.dumps(factors)}")
    return time.perf_counter() - begin, result


def ours(rate, scratch, factors, trials):
    """Seconds per trial and factor on one core."""
    seconds, result = search(rate, scratch, factors, trials, 1)
    return {"median_s": seconds / (trials * len(factors)), "performance": result["performance"],
            "rate_hz": result["rate_hz"]}


def compare(task, scratch, rounds, trials):
    rate, drawn, mat = scratch / f"{task}.rate", scratch / f"{task}.trials", scratch / f"{task}.mat"
    config = ROOT / "configs" / f"{task}.json"
    run(BIN / "train-rate", "--config", config, "--quiet", "-o", rate)
    run(BIN / "make-trials", "--config", config, "--trials", trials, "-o", drawn)
    grid = [20.0 + 5 * k for k in range(12)]
    factor = search(rate, scratch, grid, 100, 2)[1]["scaling_factor"]
    scipy.io.savemat(mat, lif_network.load(rate, drawn, factor))
    python = lambda script, count: run(sys.executable, PEERS / script, rate, drawn, factor, count)
    commands = {
        "mdl-rnn, one factor": lambda: ours(rate, scratch, [factor], 10 * trials),
        "mdl-rnn, grid of 12": lambda: ours(rate, scratch, grid, 5 * trials),
        "ANNarchy": lambda: python("lif_annarchy.py", trials),
        "Brian2": lambda: python("lif_brian.py", trials),
        "NEST": lambda: python("lif_nest.py", max(3, trials // 4)),
        "numba": lambda: python("lif_numba.py", trials),
        "Octave": lambda: run("octave-cli", "-q", PEERS / "lif_octave.m", mat, max(3, trials // 4)),
    }
    results = {who: [] for who in commands}
    for _ in range(rounds):
        for who, command in commands.items():
            results[who].append(command())
    middle = {who: statistics.median(r["median_s"] for r in measured) for who, measured in results.items()}
    for who, measured in results.items():
        performance = measured[0]["performance"]
        performance = "–" if performance is None else f"{performance:.2f}"
        say(f"| {task} | {who} | {middle[who] * 1e3:.2f} | {middle[who] / middle['mdl-rnn, grid of 12']:.1f}× | "
            f"{middle[who] / middle['mdl-rnn, one factor']:.1f}× | {performance} | {measured[0]['rate_hz']:.1f} |")
    whole = statistics.median(search(rate, scratch, grid, 100, os.cpu_count())[0] for _ in range(rounds))
    say(f"| {task} | the whole search, 12 × 100 trials, {os.cpu_count()} threads: {whole:.1f} s | | | | | |")


def scaling(rounds):
    """Times our trials of random networks as sparse as trained ones, with 12 factors simulated together."""
    step = lambda *options: run(BIN / "bench-step", "lif", *options)
    units = lambda n: ["--units", n, "--samples", max(10, 40_000 // n if n > 200 else 200)]
    cases = {f"N = {n}": units(n) for n in (50, 100, 200, 500, 1000, 2000, 5000)}
    cases |= {f"N = 200, P = {p}": ["--modes", p] for p in (1, 3, 10, 30, 100)}
    cases |= {"N = 200, all connections": ["--density", 1]}
    cases |= {f"N = 200, {firing}": ["--firing", firing] for firing in ("silent", "usual", "saturated")}
    cases |= {f"N = 200, P = 5, {firing}": ["--modes", 5, "--firing", firing]
              for firing in ("silent", "usual", "saturated")}
    cases |= {f"N = {n}, saturated": [*units(n), "--firing", "saturated"] for n in (1000, 5000)}
    cases |= {"N = 200, exact": ["--exact"]}
    # In turn, so that a slow minute of the machine affects all of them.
    results = [{name: step(*options) for name, options in cases.items()} for _ in range(rounds)]
    say("\n| network | µs per simulated second and unit | rate (Hz) | peak memory (MiB) |\n|---|---|---|---|")
    for name, options in cases.items():
        measured = [result[name] for result in results]
        options = dict(zip(options[::2], options[1::2]))
        unit_seconds = options.get("--units", 200) * options.get("--samples", 200) * 0.005
        seconds = statistics.median(m["median_s"] for m in measured)
        say(f"| {name} | {seconds * 1e6 / unit_seconds:.1f} | {measured[0]['rate_hz']:.1f} | "
            f"{max(m['peak_bytes'] or 0 for m in measured) / 2**20:.0f} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=["go-nogo", "mante", "scaling"])
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--write", action="store_true", help="update the tables in docs/benchmarks.md")
    arguments = parser.parse_args()
    if arguments.write and len(arguments.names) < 3:
        parser.error("--write replaces whole tables: do not name cases")
    if shutil.which("octave-cli") is None:
        parser.error("octave-cli is not on the PATH: install Octave")
    os.environ.update(OMP_NUM_THREADS="1", PATH=f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}")
    say("| task | program | ms per trial | against the grid | against one factor | performance | rate (Hz) |\n"
        "|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as scratch:
        for task in [name for name in arguments.names if name != "scaling"]:
            compare(task, pathlib.Path(scratch), arguments.rounds, arguments.trials)
    if "scaling" in arguments.names:
        scaling(arguments.rounds)
    if arguments.write:
        before, rest = PAGE.read_text().split(MARKS[0])
        PAGE.write_text(before + MARKS[0] + "\n" + "\n".join(lines) + "\n\n" + MARKS[1] + rest.split(MARKS[1])[1])


if __name__ == "__main__":
    main()
