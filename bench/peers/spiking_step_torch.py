"""One update of the spiking mode network (arXiv 2310.14621, contextual task) in eager PyTorch: a Python loop over steps.

usage: spiking_step_torch.py N P B T THREADS UPDATES -> one JSON line with the median seconds of an update; on the GPU if
the environment variable BENCH_DEVICE is cuda, and of the outputs alone if BENCH_PASS is forward.
"""
import json
import math
import os
import resource
import statistics
import sys
import time

import torch

neurons, modes, batch, steps, threads, updates = map(int, sys.argv[1:7])
torch.set_num_threads(threads)
torch.manual_seed(0)
DEVICE = os.environ.get("BENCH_DEVICE", "cpu")
torch.set_default_device(DEVICE)
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


def normal(*shape, sd):
    return torch.nn.Parameter(torch.randn(*shape) * sd)


w_in, w_out = normal(neurons, 4, sd=0.5), normal(1, neurons, sd=1.0)
mode_in, mode_out = normal(neurons, modes, sd=modes**-0.5), normal(neurons, modes, sd=modes**-0.5)
score = normal(modes, sd=neurons**-0.5)
parameters = [w_in, w_out, mode_in, mode_out, score]
adam = torch.optim.Adam(parameters, lr=1e-3)
x, z = torch.randn(steps, batch, 4), torch.zeros(steps, batch, 1)


def outputs():
    w_rec = (mode_in * score) @ mode_out.T
    current = potential = rising = r = s = wait = torch.zeros(batch, neurons)
    traces = []
    for t in range(steps):
        current = ALPHA_S * current + x[t] @ w_in.T + r @ w_rec.T
        potential = (wait == 0) * (1 - s) * (ALPHA_M * potential + (1 - ALPHA_M) * current)
        rising = ALPHA_R * rising + s
        r = ALPHA_D * r + (1 - ALPHA_D) * rising
        s = Spike.apply(potential - 1)
        with torch.no_grad():
            wait = torch.where(s > 0, 5.0, (wait - 1).clamp(min=0))
        traces.append(r)
    return torch.stack(traces) @ w_out.T


@torch.no_grad()
def forward():
    outputs()


def update():
    loss = (outputs() - z).square().sum().sqrt()
    adam.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(parameters, 20)
    adam.step()


step = forward if os.environ.get("BENCH_PASS") == "forward" else update
seconds = []
for _ in range(updates + 2):
    begin = time.perf_counter()
    step()
    if DEVICE == "cuda":
        torch.cuda.synchronize()
    seconds.append(time.perf_counter() - begin)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({"median_s": statistics.median(seconds[2:]), "peak_bytes": peak, "version": f"torch {torch.__version__}"}))
