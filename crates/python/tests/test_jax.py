"""The function of JAX against the same equations in JAX's own operations."""

import math

import numpy as np
import pytest

jax = pytest.importorskip("jax")

import jax.numpy as jnp

import mdl_rnn
import mdl_rnn.jax

jax.config.update("jax_enable_x64", True)

NEURON = {"dt_ms": 5, "tau_current_ms": 10, "tau_membrane_ms": 20, "tau_decay_ms": 30, "tau_rise_ms": 10, "threshold": 0.5, "refractory_steps": 0}


@jax.custom_jvp
def spike(x):
    return (x > 0).astype(x.dtype)


@spike.defjvp
def spike_jvp(primals, tangents):
    (x,), (dx,) = primals, tangents
    return spike(x), dx / (1 + 25 * jnp.abs(x)) ** 2


def reference(p, x):
    """The equations of docs/dynamics.md, step by step."""
    decay = {name: math.exp(-NEURON["dt_ms"] / NEURON[f"tau_{name}_ms"]) for name in ("current", "membrane", "decay", "rise")}

    def step(state, x):
        current, potential, rise, r, s = state
        current = decay["current"] * current + x @ p["w_in"].T + (r @ p["mode_out"] * p["score"]) @ p["mode_in"].T
        potential = (decay["membrane"] * potential + (1 - decay["membrane"]) * current) * (1 - s)
        rise = decay["rise"] * rise + s
        r = decay["decay"] * r + (1 - decay["decay"]) * rise
        return (current, potential, rise, r, spike(potential - NEURON["threshold"])), r @ p["w_out"].T

    zero = jnp.zeros((x.shape[1], p["w_in"].shape[0]), x.dtype)
    return jax.lax.scan(step, (zero,) * 5, x)[1]


def test_outputs_and_gradients_agree_with_jax():
    parameters = jax.tree.map(lambda a: a.astype(jnp.float64), mdl_rnn.jax.initial(3, 20, 2, 2))
    x = jax.random.normal(jax.random.key(3), (60, 4, 3), jnp.float64)
    target = jax.random.normal(jax.random.key(4), (60, 4, 2), jnp.float64)
    own = lambda p, x: mdl_rnn.jax.spiking_modes(p, x, neuron=NEURON)
    loss = lambda f: jax.jit(jax.value_and_grad(lambda p, x: ((f(p, x) - target) ** 2).sum(), argnums=(0, 1)))
    assert jnp.abs(own(parameters, x)).max() > 0.01
    assert np.allclose(own(parameters, x), reference(parameters, x), atol=1e-10)
    found, expected = loss(own)(parameters, x), loss(reference)(parameters, x)
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(expected)):
        assert np.allclose(one, other, rtol=1e-6, atol=1e-8)


def test_wrong_arrays_are_named():
    parameters = mdl_rnn.jax.initial(3, 20, 2, 2)
    for wrong, expected in [(jnp.zeros((5, 3)), "steps, trials, 3"), (jnp.zeros((5, 2, 4)), "steps, trials, 3")]:
        with pytest.raises(mdl_rnn.ArgumentError, match=expected):
            mdl_rnn.jax.spiking_modes(parameters, wrong.astype(jnp.float32))
    with pytest.raises(mdl_rnn.ArgumentError, match="none named score"):
        mdl_rnn.jax.spiking_modes({name: a for name, a in parameters.items() if name != "score"}, jnp.zeros((5, 2, 3)))
