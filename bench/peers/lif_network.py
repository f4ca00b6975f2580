"""A trained Dale network and trials of its task for the LIF peers, and the evaluation of a trial."""

import json
import pathlib

import numpy
from safetensors import safe_open

DT_MS, TAU_M_MS, REFRACTORY_MS, TAU_R_MS = 0.05, 10.0, 2.0, 2.0
V_PEAK, V_RESET, V_INITIAL_MAX, NOISE = -40.0, -65.0, 30.0, 0.1
STEPS_PER_SAMPLE = 100


def load(rate, trials, factor):
    """W and W_out are divided by the scaling factor; `u` is [B, T, K]."""
    with safe_open(rate, framework="numpy") as f:
        w = numpy.maximum(f.get_tensor("w_rec"), 0) * f.get_tensor("sign")[None, :]
        if "mask" in f.keys():
            w = w * f.get_tensor("mask")
        w_in, w_out, tau = (f.get_tensor(name).astype(float) for name in ("w_in", "w_out", "tau_ms"))
    with safe_open(trials, framework="numpy") as f:
        u, condition = f.get_tensor("input").transpose(1, 0, 2).astype(float), f.get_tensor("condition")
        task = pathlib.Path(json.loads(f.metadata()["config"])["task"]["file"]).stem
    return {"w": w.astype(float) / factor, "w_in": w_in, "w_out": w_out[0] / factor, "tau": tau, "u": u,
            "condition": condition, "task": task}


def stretches(values):
    """First and end index of each stretch of equal rows."""
    changes = numpy.flatnonzero((numpy.diff(values, axis=0) != 0).any(1)) + 1
    return zip([0, *changes], [*changes, len(values)])


def correct(task, condition, out):
    """Whether a trial's output, one value a step, is right."""
    if task == "go-nogo":
        out = out[9999:]
        return out.max() > 0.7 if condition == 1 else out.max() < 0.3
    out = out[25999:]
    return out.max() > 0.7 if condition % 2 == 1 else out.min() < -0.7
