"""One update of a spiking network in a PyTorch loop, with torch's Adam: forward, loss, backward, clipping, step.

usage: spiking_step_layers.py KIND N P B T THREADS UPDATES -> one JSON line with the median seconds of an update

KIND: `modes` is mdl_rnn.torch.SpikingModes; `eager` and `compiled` are the same equations in a Python loop over steps, the
latter a step compiled by torch.compile (its compilation is not timed); `snntorch` and `norse` are layers of recurrent neurons
with a current, RSynaptic and LIFRecurrentCell, which have dense recurrent weights and no synaptic filter.
"""

import json
import math
import statistics
import sys
import time

import torch

kind = sys.argv[1]
neurons, modes, batch, steps, threads, updates = map(int, sys.argv[2:8])
torch.set_num_threads(threads)
torch.manual_seed(0)
ALPHA_S, ALPHA_M, ALPHA_D, ALPHA_R = (math.exp(-2 / tau) for tau in (10, 20, 30, 2))


class Spike(torch.autograd.Function):
    """Heaviside forward, fast sigmoid of slope 25 backward."""

    @staticmethod
    def forward(context, x):
        context.save_for_backward(x)
        return (x > 0).float()

    @staticmethod
    def backward(context, gradient):
        (x,) = context.saved_tensors
        return gradient / (1 + 25 * x.abs()).square()


class Surrogate:
    """The same for torch.compile, which does not take a custom function with a branch: a straight-through estimate."""

    @staticmethod
    def apply(x):
        smooth = x / (1 + 25 * x.abs())
        return smooth + ((x > 0).float() - smooth).detach()


class Loop(torch.nn.Module):
    def __init__(self, compiled):
        super().__init__()
        normal = lambda *shape, sd: torch.nn.Parameter(torch.randn(*shape) * sd)
        self.w_in, self.w_out = normal(neurons, 4, sd=0.5), normal(1, neurons, sd=1.0)
        self.mode_in, self.mode_out = normal(neurons, modes, sd=modes**-0.5), normal(neurons, modes, sd=modes**-0.5)
        self.score = normal(modes, sd=neurons**-0.5)
        self.spike = Surrogate.apply if compiled else Spike.apply
        self.step = torch.compile(self.one_step, dynamic=False) if compiled else self.one_step

    def one_step(self, x, state, w_rec):
        current, potential, rising, r, s, wait = state
        current = ALPHA_S * current + x @ self.w_in.T + r @ w_rec
        potential = (wait == 0) * (1 - s) * (ALPHA_M * potential + (1 - ALPHA_M) * current)
        rising = ALPHA_R * rising + s
        r = ALPHA_D * r + (1 - ALPHA_D) * rising
        s = self.spike(potential - 1)
        wait = torch.where(s.detach() > 0, 5.0, (wait - 1).clamp(min=0))
        return current, potential, rising, r, s, wait

    def forward(self, x):
        w_rec = ((self.mode_in * self.score) @ self.mode_out.T).T
        state, traces = (torch.zeros(batch, neurons),) * 6, []
        for t in range(len(x)):
            state = self.step(x[t], state, w_rec)
            traces.append(state[3])
        return torch.stack(traces) @ self.w_out.T


class Snntorch(torch.nn.Module):
    def __init__(self):
        super().__init__()
        import snntorch

        surrogate = snntorch.surrogate.fast_sigmoid(slope=25)
        self.inputs, self.readout = torch.nn.Linear(4, neurons), torch.nn.Linear(neurons, 1)
        self.layer = snntorch.RSynaptic(ALPHA_S, ALPHA_M, linear_features=neurons, spike_grad=surrogate, reset_mechanism="zero")

    def forward(self, x):
        spike, synapse, potential = self.layer.reset_mem()
        spikes = []
        for current in self.inputs(x):
            spike, synapse, potential = self.layer(current, spike, synapse, potential)
            spikes.append(spike)
        return self.readout(torch.stack(spikes))


class Norse(torch.nn.Module):
    def __init__(self):
        super().__init__()
        from norse.torch import LIFParameters, LIFRecurrentCell

        parameters = LIFParameters(tau_syn_inv=torch.tensor(100.0), tau_mem_inv=torch.tensor(50.0), method="super", alpha=torch.tensor(25.0))
        self.layer, self.readout = LIFRecurrentCell(4, neurons, p=parameters, dt=0.002), torch.nn.Linear(neurons, 1)

    def forward(self, x):
        state, spikes = None, []
        for inputs in x:
            spike, state = self.layer(inputs, state)
            spikes.append(spike)
        return self.readout(torch.stack(spikes))


def spiking_modes():
    from mdl_rnn.torch import SpikingModes

    return SpikingModes(4, neurons, modes, 1, neuron={"dt_ms": 2})


made = {"modes": spiking_modes, "eager": lambda: Loop(False), "compiled": lambda: Loop(True), "snntorch": Snntorch, "norse": Norse}
network = made[kind]()
adam = torch.optim.Adam(network.parameters(), lr=1e-3)
x, z = torch.randn(steps, batch, 4), torch.zeros(steps, batch, 1)
seconds = []
for _ in range(updates + 2):
    begin = time.perf_counter()
    loss = (network(x) - z).square().sum().sqrt()
    adam.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(network.parameters(), 20)
    adam.step()
    seconds.append(time.perf_counter() - begin)
print(json.dumps({"median_s": statistics.median(seconds[2:]), "version": torch.__version__}))
