#!/usr/bin/env python3
"""Reads an evaluation into pandas: one table of trials, one of units.

usage: evaluation.py EVAL
"""
import sys

import pandas as pd
from safetensors import safe_open

with safe_open(sys.argv[1], framework="numpy") as artifact:
    trials = pd.DataFrame({
        "condition": artifact.get_tensor("condition"),
        "correct": artifact.get_tensor("correct").astype(bool),
        "largest_output": artifact.get_tensor("output")[:, :, 0].max(axis=1),
    })
    units = pd.DataFrame({"rate_hz": artifact.get_tensor("rate_hz")})

print(trials.groupby("condition").agg(trials=("correct", "size"), performance=("correct", "mean"),
                                      largest_output=("largest_output", "mean")))
print(units.describe())
