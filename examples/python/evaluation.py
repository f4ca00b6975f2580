#!/usr/bin/env python3
"""Reads an evaluation into pandas: one table of trials (or of examples, for images) and one of units.

usage: evaluation.py EVAL
"""
import sys

import pandas as pd
from safetensors import safe_open

if len(sys.argv) != 2:
    sys.exit(__doc__)
with safe_open(sys.argv[1], framework="numpy") as artifact:
    tensors = {name: artifact.get_tensor(name) for name in artifact.keys()}

if "label" in tensors:
    examples = pd.DataFrame({"label": tensors["label"], "correct": tensors["label"] == tensors["predicted"]})
    print(examples.groupby("label").agg(examples=("correct", "size"), accuracy=("correct", "mean")))
else:
    trials = pd.DataFrame({
        "condition": tensors["condition"],
        "correct": tensors["correct"].astype(bool),
        "largest_output": tensors["output"][:, :, 0].max(axis=1),
    })
    print(trials.groupby("condition").agg(trials=("correct", "size"), performance=("correct", "mean"),
                                          largest_output=("largest_output", "mean")))
if "rate_hz" in tensors:
    print(pd.DataFrame({"rate_hz": tensors["rate_hz"]}).describe())
