#!/usr/bin/env python3
"""Draws the spikes of the recorded trials of an evaluation.

usage: raster.py EVAL PICTURE
"""
import json
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from safetensors import safe_open

if len(sys.argv) != 3:
    sys.exit(__doc__)
with safe_open(sys.argv[1], framework="numpy") as artifact:
    config = json.loads(artifact.metadata()["config"])
    step, unit, trial = (artifact.get_tensor(f"spike_{name}") for name in ("step", "unit", "trial"))
    condition = artifact.get_tensor("condition")

if config["network"]["kind"] == "rate":
    step_ms = config["lif"]["dt_ms"] * config["lif"]["downsample"]
else:
    step_ms = config["task"]["step_ms"]
trials = range(int(trial.max()) + 1 if trial.size else 1)
figure, axes = plt.subplots(len(trials), sharex=True, squeeze=False, figsize=(7, 2 * len(trials)))
for k, axis in zip(trials, axes[:, 0]):
    axis.plot(step[trial == k] * step_ms, unit[trial == k], "|k", markersize=1)
    axis.set(ylabel="unit", title=f"trial {k}, condition {condition[k]}")
axes[-1, 0].set_xlabel("time (ms)")
figure.tight_layout()
figure.savefig(sys.argv[2], dpi=150)
print(f"{step.size} spikes of {len(trials)} trials: {sys.argv[2]}")
