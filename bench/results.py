#!/usr/bin/env python3
"""Runs the pipeline for several configs and seeds and writes its part of docs/results.md.

usage: bench/results.py [--jobs J] [--out FILE] [CONFIG=SEEDS ...]      for example  bench/results.py go-nogo=1-10 mante=1-5

Needs the programs (`make build`; the environment variable PROGRAMS names a folder other than target/release). Artifacts go to a
temporary directory. Each result is kept in artifacts/results/ and reused, so an interrupted run continues where it stopped.
Results are a function of config and seed; seconds are CPU time, on one thread. The network is the unit of observation: means
and standard deviations are over networks, and intervals of counts are Wilson's, over networks.
"""

import argparse
import concurrent.futures
import json
import pathlib
import tempfile

from networks import KEPT, PAGE, count, keep, overrides, replaced, spread, stage

DEFAULT = ["go-nogo=1-10", "xor=1-10", "mante=1-5", "go-nogo-modes=1-5", "mante-modes=1-5"]
DEFAULT += ["go-nogo-published=1-5", "xor-published=1-5", "mante-published=1-5"]
DEFAULT += ["go-nogo-fig7=1-10", "go-nogo-published-fig7=1-10"]
# Networks as in figure 7 of Kim, Li & Sejnowski (2019), which counts successful networks among 100.
SUFFIX = "-fig7"
FIGURE_7 = "network.neurons=250", 'network.time_constants={"kind":"trained","min_ms":20,"max_ms":50}'
EVALUATION_TRIALS = 400
GOOD = 0.95


def pipeline(config, seed):
    """The result of one network, computed unless it is in artifacts/results/."""
    path = KEPT / f"lif-{config}-{seed}.json"
    if path.exists():
        return json.loads(path.read_text())
    file = f"configs/{config.removesuffix(SUFFIX)}.json"
    settings = overrides(FIGURE_7 if config.endswith(SUFFIX) else ())
    trials = overrides([f"evaluation.trials={EVALUATION_TRIALS}"])
    with tempfile.TemporaryDirectory() as scratch:
        rate, lif, judged = (f"{scratch}/{name}.safetensors" for name in ("rate", "lif", "eval"))
        trained, t1 = stage("train-rate", "--config", file, "--seed", seed, *settings, "-o", rate)
        found, t2 = stage("lambda-search", rate, "-o", lif)
        result, t3 = stage("eval-lif", lif, *trials, "-o", judged)
    row = {
        "config": config, "seed": seed, "success": trained["success"], "updates": trained["updates"],
        "rate": trained["performance"], "factor": found["scaling_factor"], "lif": result["performance"],
        "interval": result["performance_interval"], "hz": result["rate_hz"], "seconds": t1 + t2 + t3,
    }
    keep(path, row)
    return row


def table(rows):
    lines = [
        "| config | seed | rate: criterion met | updates | scaling factor | LIF performance (95 % interval) | rate (Hz) | s |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for r in rows:
        low, high = r["interval"]
        lines.append(
            f"| {r['config']} | {r['seed']} | {'yes' if r['success'] else 'no'} | {r['updates']} | {r['factor']:g} | "
            f"{r['lif']:.3f} ({low:.3f}–{high:.3f}) | {r['hz']:.1f} | {r['seconds']:.0f} |"
        )
    return "\n".join(lines)


def summary(rows):
    lines = ["| config | rate criterion met | LIF performance ≥ 0.95 | LIF performance |", "|---|---|---|---|"]
    for config in dict.fromkeys(r["config"] for r in rows):
        mine = [r for r in rows if r["config"] == config]
        met, good = count([r["success"] for r in mine]), count([r["lif"] >= GOOD for r in mine])
        lines.append(f"| {config} | {met} | {good} | {spread([r['lif'] for r in mine], '{:.3f}')} |")
    return "\n".join(lines)


def written(page, name, text):
    return replaced(page, f"<!-- bench/results.py writes the {name} from here -->", f"<!-- to here: {name} -->", text)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="*", default=DEFAULT)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=pathlib.Path, default=PAGE)
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
    page = written(PAGE.read_text(), "summary", summary(rows))
    arguments.out.write_text(written(page, "networks", table(rows)))


if __name__ == "__main__":
    main()
