#!/usr/bin/env python3
"""Summarises a column of the table of many networks: number of networks, mean and standard deviation for each value of a field.

usage: table.py TABLE FIELD COLUMN      for example  table.py table.csv network.neurons performance
"""
import sys

import pandas as pd

if len(sys.argv) != 4:
    sys.exit(__doc__)
path, field, column = sys.argv[1:]
table = pd.read_csv(path)
table = table[table["state"] == "complete"]
print(table.groupby(field)[column].agg(["count", "mean", "std"]).to_string())
