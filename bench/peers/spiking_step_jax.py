"""One update of the spiking mode network (arXiv 2310.14621, contextual task) in JAX: lax.scan, jit, recurrence in mode space.

usage: spiking_step_jax.py N P B T THREADS UPDATES -> one JSON line with the median seconds of an update, or of the outputs alone
if the environment variable BENCH_PASS is forward; on a GPU if JAX finds one.
"""
import json
import os
import resource
import statistics
import sys
import time

neurons, modes, batch, steps, threads, updates = map(int, sys.argv[1:7])
os.environ["XLA_FLAGS"] = f"--xla_cpu_multi_thread_eigen={'true' if threads > 1 else 'false'}"
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-threads:])
import jax
import jax.numpy as jnp

ALPHA_S, ALPHA_M, ALPHA_D, ALPHA_R = (float(jnp.exp(-2.0 / tau)) for tau in (10, 20, 30, 2))


@jax.custom_jvp
def spike(x):
    return (x > 0).astype(x.dtype)


@spike.defjvp
def spike_jvp(primals, tangents):
    return spike(primals[0]), tangents[0] / (1 + 25 * jnp.abs(primals[0])) ** 2


def outputs(p, x):
    into = p["mode_in"] * p["score"]

    def step(state, drive):
        current, potential, rising, r, s, wait = state
        current = ALPHA_S * current + drive + (r @ p["mode_out"]) @ into.T
        potential = (wait <= 0) * (1 - s) * (ALPHA_M * potential + (1 - ALPHA_M) * current)
        rising = ALPHA_R * rising + s
        r = ALPHA_D * r + (1 - ALPHA_D) * rising
        s = spike(potential - 1)
        wait = jax.lax.stop_gradient(jnp.where(s > 0, 5.0, wait - 1))
        return (current, potential, rising, r, s, wait), r

    zero = jnp.zeros((batch, neurons))
    _, r = jax.lax.scan(step, (zero,) * 6, jnp.einsum("tbk,nk->tbn", x, p["w_in"]))
    return r @ p["w_out"].T


def loss_of(p, x, z):
    return jnp.sqrt(((outputs(p, x) - z) ** 2).sum())


@jax.jit
def update(p, m, v, i, x, z):
    g = jax.grad(loss_of)(p, x, z)
    scale = jnp.minimum(1.0, 20 / jnp.sqrt(sum((a**2).sum() for a in g.values())))
    g = {k: a * scale for k, a in g.items()}
    m = {k: 0.9 * m[k] + 0.1 * g[k] for k in g}
    v = {k: 0.999 * v[k] + 0.001 * g[k] ** 2 for k in g}
    rate = 1e-3 * jnp.sqrt(1 - 0.999**i) / (1 - 0.9**i)
    return {k: p[k] - rate * m[k] / (jnp.sqrt(v[k]) + 1e-8) for k in g}, m, v


keys = jax.random.split(jax.random.PRNGKey(0), 6)
shapes = {"w_in": ((neurons, 4), 0.5), "w_out": ((1, neurons), 1.0), "mode_in": ((neurons, modes), modes**-0.5),
          "mode_out": ((neurons, modes), modes**-0.5), "score": ((modes,), neurons**-0.5)}
p = {k: jax.random.normal(key, shape) * sd for key, (k, (shape, sd)) in zip(keys, shapes.items())}
m = v = {k: 0 * a for k, a in p.items()}
x, z = jax.random.normal(keys[5], (steps, batch, 4)), jnp.zeros((steps, batch, 1))
forward = jax.jit(outputs) if os.environ.get("BENCH_PASS") == "forward" else None
seconds = []
for i in range(1, updates + 3):
    begin = time.perf_counter()
    if forward:
        jax.block_until_ready(forward(p, x))
    else:
        p, m, v = update(p, m, v, float(i), x, z)
        jax.block_until_ready(p)
    seconds.append(time.perf_counter() - begin)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({"median_s": statistics.median(seconds[2:]), "peak_bytes": peak, "version": f"jax {jax.__version__}"}))
