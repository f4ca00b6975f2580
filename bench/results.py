#!/usr/bin/env python3
"""Runs the pipeline over configs and seeds and writes its part of docs/results.md.

usage: bench/results.py [--jobs J] [--out FILE] [CONFIG=SEEDS ...]      as in  bench/results.py go-nogo=1-10 mante=1-5

Needs the programs (`make build`). Artifacts go to a temporary directory. Results are a function of config and seed alone.
"""

import argparse
import concurrent.futures
import json
import pathlib
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
DEFAULT = ["go-nogo=1-10", "xor=1-10", "mante=1-5", "go-nogo-modes=1-5", "mante-modes=1-5"]
DEFAULT += ["go-nogo-published=1-5", "xor-published=1-5"]
CRITERION_NOT_MET = 4


def stage(program, *arguments):
    """Runs one stage on one thread; returns its JSON result and its seconds."""
    begin = time.perf_counter()
    command = [ROOT / "target" / "release" / program, *arguments, "--threads", "1", "--quiet"]
    done = subprocess.run([str(c) for c in command], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    if done.returncode not in (0, CRITERION_NOT_MET):
        raise SystemExit(f"{program} ended with status {done.returncode}")
    return json.loads(done.stdout), time.perf_counter() - begin


def pipeline(config, seed):
    with tempfile.TemporaryDirectory() as scratch:
        rate, lif, judged = (f"{scratch}/{name}.safetensors" for name in ("rate", "lif", "eval"))
        trained, t1 = stage("train-rate", "--config", f"configs/{config}.json", "--seed", seed, "-o", rate)
        found, t2 = stage("lambda-search", rate, "-o", lif)
        result, t3 = stage("eval-lif", lif, "-o", judged)
    return {
        "config": config, "seed": seed, "success": trained["success"], "updates": trained["updates"],
        "rate": trained["performance"], "factor": found["scaling_factor"], "lif": result["performance"],
        "interval": result["performance_interval"], "hz": result["rate_hz"], "seconds": t1 + t2 + t3,
    }


def table(rows):
    lines = [
        "| config | seed | rate: criterion met | updates | scaling factor | LIF performance (95 % interval) | rate (Hz) | s |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for r in rows:
        low, high = r["interval"]
        lines.append(
            f"| {r['config']} | {r['seed']} | {'yes' if r['success'] else 'no'} | {r['updates']} | {r['factor']:g} | "
            f"{r['lif']:.2f} ({low:.2f}–{high:.2f}) | {r['hz']:.1f} | {r['seconds']:.0f} |"
        )
    return "\n".join(lines)


def summary(rows):
    lines = ["| config | networks | rate criterion met | LIF performance ≥ 0.95 | mean LIF performance |", "|---|---|---|---|---|"]
    for config in dict.fromkeys(r["config"] for r in rows):
        mine = [r for r in rows if r["config"] == config]
        good = sum(r["lif"] >= 0.95 for r in mine)
        mean = sum(r["lif"] for r in mine) / len(mine)
        lines.append(f"| {config} | {len(mine)} | {sum(r['success'] for r in mine)} | {good} | {mean:.3f} |")
    return "\n".join(lines)


# What stands from here on is written by bench/spiking.py.
SPIKING = "## Spiking networks trained directly\n"
PAGE = """# Results

Every number of rate and LIF networks is made again by `make results` (`bench/results.py`), and is a function of config and
seed alone, but for the last column: seconds for training, search and evaluation on one thread of a shared 2-core machine, two
networks at a time. Each LIF network was searched with 12 factors × 100 trials and judged on 100 fresh trials.

## Summary

{summary}

The published framework (Kim, Li & Sejnowski 2019) reports 94 of 100 Go-NoGo networks at 0.95 or above. Configs named
`-published` train as it does, on single trials and without clipping; the others on batches of 8 trials (XOR: 16) with the
gradient clipped at norm 1, which succeeds on more seeds and converts better; `mante-modes` also with more noise in its units, so
that spikes disturb it less. The settings were chosen on these seeds.

## Each network

{table}

"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="*", default=DEFAULT)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "docs" / "results.md")
    arguments = parser.parse_args()
    jobs = []
    for run in arguments.runs:
        config, seeds = run.split("=")
        first, _, last = seeds.partition("-")
        jobs += [(config, seed) for seed in range(int(first), int(last or first) + 1)]
    rows = []
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        for row in pool.map(lambda job: pipeline(*job), jobs):
            print(json.dumps(row), flush=True)
            rows.append(row)
    spiking = arguments.out.read_text().partition(SPIKING)[2] if arguments.out.exists() else "\n"
    arguments.out.write_text(PAGE.format(summary=summary(rows), table=table(rows)) + SPIKING + spiking)


if __name__ == "__main__":
    main()
