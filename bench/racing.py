#!/usr/bin/env python3
"""Compares searches with --race, searches with --start predicted, and the predicted factor with the full grid, on trained
networks.

usage: bench/racing.py RATE...       rate artifacts; needs the programs (`make build`)

Two searches find the same plateau if the choice of each is on the plateau of the other: then neither can distinguish the two
choices. The table gives the chosen factor with its plateau and, in parentheses, the fraction of the trials of the full grid.
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
    full = search(rates)
    others = {"race": search(rates, "--race"), "start predicted": search(rates, "--start", "predicted"),
              "both": search(rates, "--race", "--start", "predicted")}
    count = lambda test, other: f"{sum(map(test, full, other))} of {len(full)}"
    show = lambda found, of: (f"{found['scaling_factor']:g} on {found['plateau'][0]:g}–{found['plateau'][1]:g}"
                              + ("" if found is of else f" ({found['trials'] / of['trials']:.0%})"))
    at = lambda found, factor: next(c["performance"] for c in found["curve"] if c["scaling_factor"] == factor)
    print("| network | full grid, performance | predicted, performance | " + " | ".join(others) + " |\n" + "|---" * 6 + "|")
    for rate, found, *rest in zip(rates, full, *others.values()):
        predicted = found["predicted_scaling_factor"]
        print(f"| {pathlib.Path(rate).stem} | {show(found, found)}, {found['performance']:.2f} | {predicted:g}, "
              f"{at(found, predicted):.2f} | " + " | ".join(show(other, found) for other in rest) + " |")
    for who, other in others.items():
        share = [o["trials"] / f["trials"] for f, o in zip(full, other)]
        same = count(lambda f, o: f["scaling_factor"] == o["scaling_factor"], other)
        plateau = count(lambda f, o: on(f["plateau"], o["scaling_factor"]) and on(o["plateau"], f["scaling_factor"]), other)
        print(f"{who}: same plateau {plateau}, same choice {same}, trials {sum(share) / len(share):.0%} on average, "
              f"{max(share):.0%} at most")
    print("predicted factor on the plateau:", count(lambda f, _: on(f["plateau"], f["predicted_scaling_factor"]), full))
    worse = [f["performance"] - at(f, f["predicted_scaling_factor"]) for f in full]
    print(f"performance at the predicted factor below that at the chosen: {sum(worse) / len(worse):.3f} on average, "
          f"{max(worse):.2f} at most")


if __name__ == "__main__":
    main()
