"""Spiking networks as a differentiable function of JAX, on the CPU.

A whole sequence is one operator with a hand-derived backward pass, called through ``jax.pure_callback``, so that it can be
part of functions under ``jax.jit`` and ``jax.grad``. Inputs have the shape (steps, trials, channels).
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np

try:
    import jax
    import jax.numpy as jnp
except ImportError as error:
    raise ImportError("mdl_rnn.jax needs JAX: pip install jax") from error

from . import _mdl_rnn
from ._arguments import as_json, passed, refuse

_NAMES = ("w_in", "mode_in", "score", "mode_out", "w_out")
_MANNER: dict[str, Any] = {"threads": None, "progress": None, "cancel": None}


def initial(inputs: int, neurons: int, modes: int, outputs: int, *, seed: int = 1) -> dict[str, Any]:
    """Initial parameters with the published spread.

    Parameters
    ----------
    inputs, neurons, modes, outputs : int
        Sizes.
    seed : int
        Seed.

    Returns
    -------
    dict
        ``w_in`` (N, inputs), ``mode_in`` and ``mode_out`` (N, modes), ``score`` (modes), ``w_out`` (outputs, N), float32.
    """
    keys = jax.random.split(jax.random.key(seed), 5)
    shapes = [(neurons, inputs), (neurons, modes), (modes,), (neurons, modes), (outputs, neurons)]
    fans = [inputs, modes, neurons, modes, outputs]
    drawn = (jax.random.normal(key, shape) / fan**0.5 for key, shape, fan in zip(keys, shapes, fans))
    return dict(zip(_NAMES, drawn))


def spiking_modes(
    parameters: Mapping[str, Any],
    inputs: Any,
    *,
    neuron: Mapping[str, Any] | None = None,
    readout: str = "every-step",
) -> Any:
    """Outputs of a spiking network with recurrent weights of a few modes, W_rec = Ξ_in diag(λ) Ξ_outᵀ.

    Parameters
    ----------
    parameters : dict of arrays
        ``w_in`` (N, inputs), ``mode_in`` and ``mode_out`` (N, modes), ``score`` (modes), ``w_out`` (outputs, N).
    inputs : jax.Array, shape (steps, trials, inputs)
        Signals, of the type of the parameters, float32 or float64.
    neuron : dict, optional
        Constants of the neuron, as in the section ``network.neuron`` of a config.
    readout : {"every-step", "max-over-time"}
        Outputs at every step, of shape (steps, trials, outputs), or W_out of the largest rates, (trials, outputs).

    Returns
    -------
    jax.Array
        Outputs. Differentiable once, with respect to parameters and inputs, in reverse mode.

    Examples
    --------
    >>> import jax, jax.numpy as jnp, mdl_rnn.jax
    >>> parameters = mdl_rnn.jax.initial(2, 50, 3, 1)
    >>> inputs = jax.random.normal(jax.random.key(2), (100, 8, 2))
    >>> loss = lambda parameters: (mdl_rnn.jax.spiking_modes(parameters, inputs, neuron={"dt_ms": 2}) ** 2).mean()
    >>> jax.jit(jax.grad(loss))(parameters)["mode_in"].shape
    (50, 3)
    """
    missing = [name for name in _NAMES if name not in parameters]
    if missing:
        raise refuse("parameters", f"none named {missing[0]}", ", ".join(_NAMES))
    if readout not in ("every-step", "max-over-time"):
        raise refuse("readout", repr(readout), "every-step or max-over-time")
    arrays = tuple(jnp.asarray(parameters[name]) for name in _NAMES)
    inputs = jnp.asarray(inputs)
    channels = arrays[0].shape[-1]
    if inputs.ndim != 3 or inputs.shape[2] != channels or 0 in inputs.shape or inputs.dtype != arrays[0].dtype:
        raise refuse("inputs", f"{inputs.dtype} of shape {inputs.shape}", f"{arrays[0].dtype} of shape (steps, trials, {channels})")
    return _run(as_json("neuron", dict(neuron or {})), readout, arrays, inputs)


def _tape(neuron: str, readout: str, arrays: Any, inputs: Any) -> _mdl_rnn.SpikingTape:
    named = {name: passed(np.ascontiguousarray(array)) for name, array in zip(_NAMES, arrays)}
    return _mdl_rnn.SpikingTape.run(neuron, named, passed(np.ascontiguousarray(inputs)), readout, True, _MANNER)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _run(neuron: str, readout: str, arrays: Any, inputs: Any) -> Any:
    trials = inputs.shape[:2] if readout == "every-step" else inputs.shape[1:2]
    shape = jax.ShapeDtypeStruct((*trials, arrays[4].shape[0]), inputs.dtype)

    def outputs(arrays: Any, inputs: Any) -> Any:
        return np.asarray(_tape(neuron, readout, arrays, inputs).output())

    return jax.pure_callback(outputs, shape, arrays, inputs, vmap_method="sequential")


def _forward(neuron: str, readout: str, arrays: Any, inputs: Any) -> Any:
    return _run(neuron, readout, arrays, inputs), (arrays, inputs)


def _backward(neuron: str, readout: str, kept: Any, gradient: Any) -> Any:
    arrays, inputs = kept
    shapes = jax.tree.map(lambda array: jax.ShapeDtypeStruct(array.shape, array.dtype), (arrays, inputs))

    def gradients(arrays: Any, inputs: Any, gradient: Any) -> Any:
        found = _tape(neuron, readout, arrays, inputs).backward(passed(np.ascontiguousarray(gradient)), _MANNER)

        def of(name: str, array: Any) -> Any:
            return np.asarray(found[name]).reshape(array.shape) if name in found else np.zeros_like(array)

        return tuple(map(of, _NAMES, arrays)), of("inputs", inputs)

    # The run is repeated: a callback can keep no tape that JAX would know of.
    return jax.pure_callback(gradients, shapes, arrays, inputs, gradient, vmap_method="sequential")


_run.defvjp(_forward, _backward)
