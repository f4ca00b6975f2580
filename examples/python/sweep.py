#!/usr/bin/env python3
"""Evaluates a LIF network for several refractory periods with the stage programs, and prints a table.

usage: sweep.py PROGRAMS LIF [REFRACTORY_MS ...]      PROGRAMS: their directory, such as target/release
"""
import json
import pathlib
import subprocess
import sys
import tempfile

import pandas as pd

if len(sys.argv) < 3:
    sys.exit(__doc__)
programs, lif, values = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3:] or ["1", "2", "4"]
results = []
with tempfile.TemporaryDirectory() as scratch:
    for value in values:
        command = [programs / "eval-lif", lif, "--quiet", "--set", f"lif.refractory_ms={value}",
                   "--set", "evaluation.trials=20", "-o", f"{scratch}/{value}.safetensors"]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
        results.append({"refractory_ms": float(value), **json.loads(done.stdout)})
print(pd.DataFrame(results)[["refractory_ms", "performance", "rate_hz", "trials"]].to_string(index=False))
