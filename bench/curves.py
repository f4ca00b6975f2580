"""Curves that the authors of arXiv 2310.14621 store beside their networks, for reproduce.py.

A folder given by --published has modes_curves.npz, with an array of float32 per network, named TASK/QUANTITY/H_<N>_P_<P>_<number>.
Without NumPy, because a page must not need it.
"""

import array
import ast
import statistics
import sys
import zipfile

FILE = "modes_curves.npz"
# Networks with higher numbers have other settings than those of the figures.
NETWORKS = range(3)


class Unreadable(Exception):
    """A folder or file of curves that cannot be read."""


def read(folder):
    """Curves by their names."""
    path = folder / FILE
    try:
        with zipfile.ZipFile(path) as file:
            return {name[: -len(".npy")]: numbers(path, name, file.read(name)) for name in file.namelist() if name.endswith(".npy")}
    except (OSError, zipfile.BadZipFile) as error:
        raise Unreadable(f"{path}: {error}; --published names a folder with this file") from error


def numbers(path, name, content):
    """Numbers of an array in the format of NumPy."""
    wide = content[:6] == b"\x93NUMPY" and content[6] >= 2
    start = 12 if wide else 10
    end = start + int.from_bytes(content[8:start], "little")
    try:
        head = ast.literal_eval(content[start:end].decode("latin-1"))
        found = array.array({"<f4": "f", "<f8": "d"}[head["descr"]])
        found.frombytes(content[end:])
    except (ValueError, SyntaxError, KeyError) as error:
        raise Unreadable(f"{path}: {name}: found no array of floats, expected one of NumPy") from error
    if sys.byteorder == "big":
        found.byteswap()
    return found.tolist()


def stored(all_curves, number):
    """Published values of a number from the stored curves of networks of its size; none without such networks."""
    given, where = number["stored"], number.get("where", {})
    neurons = given.get("neurons", where.get("network.neurons"))
    modes = where.get("network.modes", where.get("network.recurrence.modes"))
    found = [all_curves.get(f"{given['curve']}/H_{neurons}_P_{modes}_{k}") for k in NETWORKS]
    values = [value for curve in found if curve and (value := of_curve(curve, given)) is not None]
    return {"values": values} if values else None


def of_curve(curve, given):
    """Batch at which a curve first falls below a limit, its mean around a batch, or its mean at the end."""
    if "crossing" in given:
        return next((batch + 1.0 for batch, value in enumerate(curve) if value < given["crossing"]), None)
    if "at" in given:
        half = given.get("over", 1) // 2
        part = curve[max(given["at"] - 1 - half, 0) : given["at"] + half]
    else:
        part = curve[-given["last"] :]
    return statistics.fmean(part) if part else None
