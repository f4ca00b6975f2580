#!/usr/bin/env python3
"""Runs a trained rate network in NumPy on trials of make-trials and compares its performance with that in training.

usage: run_rate.py RATE TRIALS

    x_t = (1 - a) x_(t-1) + a (W r_(t-1) + W_in u) + noise,   r = phi(x),   o = W_out r + b_out

network.integration: a = dt/tau (euler) or 1 - exp(-dt/tau) (exponential). network.start: x_0 is random and u_(t-1) drives x_t
(drawn), or the state before the first step is zero and u_t drives x_t (zero).
"""
import json
import sys

import numpy as np
from safetensors import safe_open

ACTIVATIONS = {
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "softplus": lambda x: np.minimum(np.logaddexp(0, x), 20),
    "relu": lambda x: np.clip(x, 0, 20),
    "tanh": np.tanh,
}


def load(path):
    with safe_open(path, framework="numpy") as artifact:
        return json.loads(artifact.metadata()["config"]), {name: artifact.get_tensor(name) for name in artifact.keys()}


def recurrent_weights(net):
    """Row = to, column = from."""
    if "mode_in" in net:
        return net["mode_in"] * net["score"] @ net["mode_out"].T
    w = np.maximum(net["w_rec"], 0) * net["sign"] if "sign" in net else net["w_rec"]
    return w * net.get("mask", 1)


def run(config, net, inputs, random):
    """Outputs [T, B] of inputs [T, B, K]; with a random start, the first output is 0."""
    network, phi, w = config["network"], ACTIVATIONS[config["network"]["activation"]], recurrent_weights(net)
    leak = config["task"]["step_ms"] / net["tau_ms"]
    if network["integration"] == "exponential":
        leak = 1 - np.exp(-leak)
    drawn = network["start"]["kind"] == "drawn"
    x = (network["start"]["sd"] if drawn else 0) * random.standard_normal((inputs.shape[1], len(leak)))
    outputs = np.zeros(inputs.shape[:2])
    for t in range(1 if drawn else 0, len(inputs)):
        drive = phi(x) @ w.T + inputs[t - 1 if drawn else t] @ net["w_in"].T
        x = (1 - leak) * x + leak * drive + network["noise_sd"] * random.standard_normal(x.shape)
        outputs[t] = phi(x) @ net["w_out"][0] + net.get("b_out", np.zeros(1))[0]
    return outputs


def correct(rules, outputs):
    """True for each trial answered correctly by the published rules of trained networks; the columns of `rule` are
    explained in docs/artifacts.md."""
    right = np.ones(outputs.shape[1], bool)
    for trial, network, rule_set, start, end, _, _, demand, a, b in rules:
        if network in (0, 1) and rule_set in (0, 1):
            o = outputs[int(start):int(end), int(trial)]
            right[int(trial)] &= (o.max() > a, o.min() < a, a < o.min() and o.max() < b)[int(demand)]
    return right


if len(sys.argv) != 3:
    sys.exit(__doc__)
config, net = load(sys.argv[1])
_, trials = load(sys.argv[2])
outputs = run(config, net, trials["input"], np.random.default_rng(config["seed"]))
performance = correct(trials["rule"], outputs).mean()
error = np.abs(outputs - trials["target"][:, :, 0])[1:].mean()
print(json.dumps({
    "performance": float(performance),
    "performance_in_training": float(net["history.performance"][-1]),
    "mean_absolute_error": float(error),
}))
