#!/usr/bin/env python3
"""Runs an exported NIR graph with NIRTorch and Norse on trials of make-trials, and prints performance and firing rate.

usage: nir_run.py NETWORK.nir TRIALS [COUNT]

NIRTorch connects the graph, Norse simulates its neurons. Quantities for which NIR has no node are read from the metadata:
the refractory period, the noise, and the range of the initial potentials. Needs the packages in nir-requirements.txt.
"""
import json
import sys

import nir
import nirtorch
import torch
from norse.torch.functional import leaky_integrator_box as li
from norse.torch.functional import lif_box as lif
from safetensors import safe_open


def scalar(metadata, name):
    return float(metadata[name][0])


def affine(node):
    """NIRTorch 2.6 leaves the bias of its own mapping random."""
    module = torch.nn.Linear(*reversed(node.weight.shape))
    module.weight.data, module.bias.data = torch.from_numpy(node.weight), torch.from_numpy(node.bias)
    return module


class Integrators(torch.nn.Module):
    def __init__(self, node, dt):
        super().__init__()
        tau, leak = torch.tensor(node.tau), torch.tensor(node.v_leak)
        self.parameters_, self.dt = li.LIBoxParameters(tau_mem_inv=1 / tau, v_leak=leak), dt

    def forward(self, x, state=None):
        state = state or li.LIBoxState(v=torch.zeros_like(x))
        return li.li_box_feed_forward_step(x, state, self.parameters_, self.dt)


class Neurons(torch.nn.Module):
    def __init__(self, node, dt):
        super().__init__()
        tensor = lambda name: torch.tensor(getattr(node, name))
        self.parameters_ = lif.LIFBoxParameters(tau_mem_inv=1 / tensor("tau"), v_leak=tensor("v_leak"),
                                                v_th=tensor("v_threshold"), v_reset=tensor("v_reset"))
        self.dt, self.step, self.spikes = dt, 0, 0
        self.refractory_steps = round(scalar(node.metadata, "refractory") / dt)
        self.noise_sd, self.v_max = scalar(node.metadata, "noise_sd"), scalar(node.metadata, "v_initial_max")
        # Units with random initial potentials spike at once, so eval-lif counts spikes from step 10 onwards.
        self.counted_from = 10 if self.v_max > 0 else 1

    def forward(self, x, state=None):
        """The state consists of the potential and the remaining refractory steps."""
        v, waits = state or (self.v_max * torch.rand_like(x), torch.zeros_like(x))
        _, moved = lif.lif_box_feed_forward_step(x, lif.LIFBoxFeedForwardState(v), self.parameters_._replace(
            v_th=torch.tensor(float("inf"))), self.dt)
        v = torch.where(waits > 0, v, moved.v) + self.noise_sd * torch.randn_like(v)
        spikes = (v >= self.parameters_.v_th).to(v.dtype)
        self.step += 1
        self.spikes += float(spikes.sum()) if self.step >= self.counted_from else 0
        v = torch.where(spikes > 0, self.parameters_.v_reset, v)
        waits = torch.where(spikes > 0, torch.full_like(waits, self.refractory_steps), (waits - 1).clamp(min=0))
        return spikes, (v, waits)


def run(graph, inputs, steps_per_sample, dt):
    """Outputs [T, B] of inputs [T, B, K], one per sample, and spikes per neuron and second."""
    cells = {nir.Affine: affine, nir.LI: lambda node: Integrators(node, dt), nir.LIF: lambda node: Neurons(node, dt)}
    module = nirtorch.nir_to_torch(graph, cells, dtype=torch.float64)
    state, outputs = None, []
    for sample in inputs:
        for _ in range(steps_per_sample):
            y, state = module(sample, state)
        outputs.append(y[:, 0])
    neurons = module.lif
    seconds = len(inputs) * steps_per_sample * dt * inputs.shape[1] * graph.nodes["lif"].v_threshold.size
    return torch.stack(outputs), neurons.spikes / seconds


torch.manual_seed(1)
torch.set_grad_enabled(False)
if len(sys.argv) not in (3, 4):
    sys.exit(__doc__)
graph = nir.read(sys.argv[1])
with safe_open(sys.argv[2], framework="numpy") as artifact:
    task = json.loads(artifact.metadata()["config"])["task"]
    count = int(sys.argv[3]) if len(sys.argv) > 3 else artifact.get_tensor("condition").size
    inputs = torch.tensor(artifact.get_tensor("input")[:, :count], dtype=torch.float64)
    rules = artifact.get_tensor("rule")
dt = scalar(graph.metadata, "dt")
outputs, rate_hz = run(graph, inputs, round(task["step_ms"] / 1e3 / dt), dt)
trained = "readout" in graph.metadata  # a trained spiking network; otherwise one made from a rate network
correct = [True] * count
# The columns of `rule` are explained in docs/artifacts.md; here those of the published set are read.
for trial, network, rule_set, start, end, _, _, demand, a, b in rules:
    if trial < count and network in (0, 1 if trained else 2) and rule_set in (0, 1):
        o = outputs[int(start):int(end), int(trial)]
        fits = (o.max() > a, o.min() < a, a < o.min() and o.max() < b)[int(demand)]
        correct[int(trial)] &= bool(fits)
print(json.dumps({"performance": sum(correct) / count, "rate_hz": rate_hz, "trials": count}))
