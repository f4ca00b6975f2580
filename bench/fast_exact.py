#!/usr/bin/env python3
"""Compares the exact LIF simulation of trained networks with the fast one, and with an exact one whose refractory period is
longer by a tenth, which the comparison must detect.

usage: bench/fast_exact.py LIF... [--trials B]      lif artifacts; needs the programs (`make build`)

All simulations have the same trials, initial potentials and noise, so performance, spikes and mean output are compared trial by
trial, as mean differences in standard errors. The distributions of interspike intervals and of the units' mean rates are compared
by the Kolmogorov-Smirnov distance in units of sqrt(1/n + 1/m). Exits with status 1 if the fast simulation exceeds the limits, or
if the longer refractory period does not.
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile

import numpy
from safetensors.numpy import load_file

EVALUATE = pathlib.Path(__file__).resolve().parent.parent / "target" / "release" / "eval-lif"
# In standard errors and Kolmogorov-Smirnov units: all of 25 comparisons pass by chance with a probability of about 0.99.
LIMIT_Z, LIMIT_KS = 4.0, 2.2
WAYS = {"exact": ["lif.mode=exact"], "fast": ["lif.mode=fast"],
        "t_ref + 10 %": ["lif.mode=exact", "lif.refractory_ms=2.2"]}


# Trials per evaluation; its raster shows all of them.
PART = 40


def evaluate(lif, seed, trials, settings):
    with tempfile.TemporaryDirectory() as scratch:
        output = f"{scratch}/evaluation.safetensors"
        settings = [*settings, f"evaluation.trials={trials}", f"evaluation.recorded_trials={trials}",
                    "evaluation.recorded_units=[]"]
        command = [EVALUATE, lif, "--quiet", "--seed", str(seed), "-o", output, *(part for s in settings for part in ("--set", s))]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return load_file(output)


def together(lif, trials, settings):
    """Evaluations with seeds 1, 2, …, with their trials concatenated."""
    parts = [evaluate(lif, 1 + first // PART, min(PART, trials - first), settings) for first in range(0, trials, PART)]
    for number, part in enumerate(parts):
        part["spike_trial"] = part["spike_trial"] + PART * number
        part["rate_hz"] = part["rate_hz"] * len(part["correct"]) / trials
    joined = {name: numpy.concatenate([part[name] for part in parts])
              for name in ("correct", "output", "spike_trial", "spike_unit", "spike_step")}
    return joined | {"rate_hz": sum(part["rate_hz"] for part in parts)}


def statistics(evaluation, trials):
    trial, unit, step = (evaluation[f"spike_{name}"].astype(numpy.int64) for name in ("trial", "unit", "step"))
    order = numpy.lexsort((step, unit, trial))
    trial, unit, step = trial[order], unit[order], step[order]
    same = (trial[1:] == trial[:-1]) & (unit[1:] == unit[:-1])
    return {"correct": evaluation["correct"].astype(float), "spikes": numpy.bincount(trial, minlength=trials).astype(float),
            "output": evaluation["output"].mean((1, 2), dtype=float), "rates": numpy.sort(evaluation["rate_hz"]),
            "intervals": numpy.sort((step[1:] - step[:-1])[same])}


def paired_z(a, b):
    difference = a - b
    error = difference.std(ddof=1) / len(difference) ** 0.5
    return 0.0 if error == 0 else abs(difference.mean()) / error


def kolmogorov(a, b):
    places = numpy.concatenate([a, b])
    below = [numpy.searchsorted(x, places, "right") / len(x) for x in (a, b)]
    return abs(below[0] - below[1]).max() / (1 / len(a) + 1 / len(b)) ** 0.5


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lif", nargs="+")
    parser.add_argument("--trials", type=int, default=200)
    arguments = parser.parse_args()
    differs = dict.fromkeys(WAYS, False)
    print("| network | against exact | performance | spikes (z) | performance (z) | output (z) | intervals (KS) | rates (KS) |")
    print("|---|---|---|---|---|---|---|---|")
    for lif in arguments.lif:
        of = {way: statistics(together(lif, arguments.trials, settings), arguments.trials) for way, settings in WAYS.items()}
        for way in list(WAYS)[1:]:
            a, b = of["exact"], of[way]
            z = [paired_z(a[name], b[name]) for name in ("spikes", "correct", "output")]
            ks = [kolmogorov(a[name], b[name]) for name in ("intervals", "rates")]
            differs[way] |= max(z) > LIMIT_Z or max(ks) > LIMIT_KS
            values = " | ".join(f"{value:.2f}" for value in z + ks)
            performance = " / ".join(f"{x['correct'].mean():.3f}" for x in (a, b))
            print(f"| {pathlib.Path(lif).stem} | {way} | {performance} | {values} |", flush=True)
    print(f"Limits: {LIMIT_Z} and {LIMIT_KS}. " + "; ".join(
        f"{way}: {'differs' if differs[way] else 'agrees'}" for way in list(WAYS)[1:]))
    sys.exit(differs["fast"] or not differs["t_ref + 10 %"])


if __name__ == "__main__":
    main()
