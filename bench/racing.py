#!/usr/bin/env python3
"""Compares searches with --race, and the predicted factor, with the full grid on trained networks.

usage: bench/racing.py RATE...       rate artifacts; needs the programs (`make build`)

A race found the same plateau where its choice lies on the full grid's plateau and the full grid's choice on its own: then
neither search can tell the two choices apart.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

SEARCH = pathlib.Path(__file__).resolve().parent.parent / "target" / "release" / "lambda-search"


def search(rates, *options):
    with tempfile.TemporaryDirectory() as scratch:
        command = [str(SEARCH), *rates, "--quiet", *options, "-o", scratch + "/"]
        lines = subprocess.run(command, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    if len(lines) != len(rates):
        raise SystemExit("the search failed")
    return [json.loads(line) for line in lines]


def on(plateau, factor):
    return factor is not None and plateau[0] <= factor <= plateau[1]


def main():
    rates = sys.argv[1:]
    if not rates:
        raise SystemExit(__doc__)
    pairs = list(zip(search(rates), search(rates, "--race")))
    count = lambda test: f"{sum(map(test, pairs))} of {len(pairs)}"
    for rate, (full, race) in zip(rates, pairs):
        print(f"{rate}: full grid {full['scaling_factor']:g} on {full['plateau']}, race {race['scaling_factor']:g} on "
              f"{race['plateau']}, {race['trials'] / full['trials']:.0%} of the trials")
    print("same choice:", count(lambda p: p[0]["scaling_factor"] == p[1]["scaling_factor"]))
    print("same plateau:", count(lambda p: on(p[0]["plateau"], p[1]["scaling_factor"])
                                 and on(p[1]["plateau"], p[0]["scaling_factor"])))
    print("predicted factor on the plateau:", count(lambda p: on(p[0]["plateau"], p[0]["predicted_scaling_factor"])))
    print(f"most trials of a race: {max(r['trials'] / f['trials'] for f, r in pairs):.0%}")


if __name__ == "__main__":
    main()
