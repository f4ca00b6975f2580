"""One update of the spiking mode network on digits (784 Bernoulli channels, max-over-time readout) in eager PyTorch.

usage: digits_step_torch.py N P B T THREADS UPDATES -> one JSON line with the median seconds of an update; the spikes of each
update are drawn inside it.
"""
import json
import math
import resource
import statistics
import sys
import time

import torch

neurons, modes, batch, steps, threads, updates = map(int, sys.argv[1:7])
torch.set_num_threads(threads)
torch.manual_seed(0)
ALPHA_S, ALPHA_M, ALPHA_D, ALPHA_R = (math.exp(-2 / tau) for tau in (10, 20, 30, 2))
GAIN = 2 * 2 / (30 * 2)


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


def normal(*shape, sd):
    return torch.nn.Parameter(torch.randn(*shape) * sd)


w_in, w_out = normal(neurons, 784, sd=784**-0.5), normal(10, neurons, sd=10**-0.5)
mode_in, mode_out = normal(neurons, modes, sd=modes**-0.5), normal(neurons, modes, sd=modes**-0.5)
score = normal(modes, sd=neurons**-0.5)
parameters = [w_in, w_out, mode_in, mode_out, score]
adam = torch.optim.Adam(parameters, lr=1e-3)
# A fifth of the pixels is lit, in short strokes, as in handwritten digits: mean intensity 0.13.
pixel = torch.arange(batch * 784)
lit = (pixel // 7) % 5 == (pixel // 784) % 5
image = (torch.rand(batch * 784).sqrt() * lit).reshape(batch, 784)
label = torch.arange(batch) % 10


def update():
    x = (torch.rand(steps, batch, 784) < image).float()
    drive = x @ w_in.T
    w_rec = (mode_in * score) @ mode_out.T
    current = potential = rising = r = s = wait = torch.zeros(batch, neurons)
    traces = []
    for t in range(steps):
        current = ALPHA_S * current + drive[t] + r @ w_rec.T
        potential = (wait == 0) * (1 - s) * (ALPHA_M * potential + (1 - ALPHA_M) * current)
        rising = ALPHA_R * rising + s
        r = ALPHA_D * r + GAIN * rising
        s = Spike.apply(potential - 1)
        with torch.no_grad():
            wait = torch.where(s > 0, 5.0, (wait - 1).clamp(min=0))
        traces.append(r)
    logits = torch.stack(traces).max(0).values @ w_out.T
    loss = torch.nn.functional.cross_entropy(logits, label)
    adam.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(parameters, 20)
    adam.step()


seconds = []
for _ in range(updates + 2):
    begin = time.perf_counter()
    update()
    seconds.append(time.perf_counter() - begin)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({"median_s": statistics.median(seconds[2:]), "peak_bytes": peak, "version": f"torch {torch.__version__}"}))
