"""One update of the rate network of Kim, Li & Sejnowski (2019) in JAX: lax.scan, jit, noise and Adam inside.

usage: rate_step_jax.py N T K B UPDATES -> one JSON line with the median seconds of an update, on one thread.
"""
import json
import os
import resource
import statistics
import sys
import time

n, steps, channels, batch, updates = map(int, sys.argv[1:6])
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
import jax
import jax.numpy as jnp

TAU_MIN, TAU_MAX = 4.0, 20.0
keys = jax.random.split(jax.random.PRNGKey(0), 6)
present = jax.random.uniform(keys[0], (n, n)) < 0.2
sign = jnp.where(jax.random.uniform(keys[1], (n,)) < 0.2, -1.0, 1.0)
w_in = jax.random.normal(keys[2], (n, channels))
parameters = {
    "w": jnp.abs(jax.random.normal(keys[3], (n, n))) * 1.5 / (n * 0.2) ** 0.5 * present,
    "theta": jax.random.normal(keys[4], (n,)),
    "w_out": jax.random.normal(keys[5], (1, n)) / 100,
    "b_out": jnp.zeros(1),
}


def loss_of(p, u, z, key):
    weights = (jax.nn.relu(p["w"]) * sign).T
    leak = 1 / (jax.nn.sigmoid(p["theta"]) * (TAU_MAX - TAU_MIN) + TAU_MIN)
    noise = jax.random.normal(key, (steps, batch, n)) / 10

    def step(x, at):
        drive, eta = at
        x = (1 - leak) * x + leak * (jax.nn.sigmoid(x) @ weights + drive) + eta
        return x, jax.nn.sigmoid(x)

    _, r = jax.lax.scan(step, noise[0] / 10, (u[:-1] @ w_in.T, noise[1:]))
    o = r @ p["w_out"].T + p["b_out"]
    return jnp.sqrt(((o - z[1:]) ** 2).sum())


@jax.jit
def update(p, m, v, i, u, z, key):
    loss, g = jax.value_and_grad(loss_of)(p, u, z, key)
    m = {k: 0.9 * m[k] + 0.1 * g[k] for k in g}
    v = {k: 0.999 * v[k] + 0.001 * g[k] ** 2 for k in g}
    rate = 0.01 * jnp.sqrt(1 - 0.999**i) / (1 - 0.9**i)
    return {k: p[k] - rate * m[k] / (jnp.sqrt(v[k]) + 1e-8) for k in g}, m, v, loss


m = {k: 0 * a for k, a in parameters.items()}
v = m
u = jnp.zeros((steps, batch, channels)).at[steps // 4 : steps * 3 // 8].set(1.0)
z = jnp.zeros((steps, batch, 1)).at[steps * 3 // 8 :].set(1.0)
seconds = []
for i in range(1, updates + 11):
    key = jax.random.PRNGKey(i)
    begin = time.perf_counter()
    parameters, m, v, loss = update(parameters, m, v, float(i), u, z, key)
    jax.block_until_ready(parameters)
    seconds.append(time.perf_counter() - begin)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({"median_s": statistics.median(seconds[10:]), "peak_bytes": peak, "version": f"jax {jax.__version__}"}))
