"""mdl-rnn: rate, spiking and leaky integrate-and-fire recurrent networks.

The functions and classes of this package are the stages of the programs on NumPy arrays:

>>> import mdl_rnn
>>> small = {"network.neurons": 30, "training.max_updates": 30, "training.stop": None, "search.trials": 4}
>>> network = mdl_rnn.train("go-nogo", seed=1, set=small)
>>> evaluation = mdl_rnn.evaluate(network, trials=20)
>>> 0 <= evaluation.performance <= 1
True

`mdl_rnn.plot` draws figures with matplotlib, `mdl_rnn.torch` has the networks as modules of PyTorch. Both are imported when
they are used.
"""

from __future__ import annotations

import os as _os

# Without it, matrix products read the number of cores from the system at every call, which slows down small networks.
_os.environ.setdefault(
    "RAYON_NUM_THREADS",
    str(len(_os.sched_getaffinity(0)) if hasattr(_os, "sched_getaffinity") else _os.cpu_count() or 1),
)

from ._errors import (
    ArgumentError,
    ConfigError,
    DamagedFileError,
    InternalError,
    Interrupted,
    MdlRnnError,
    MdlRnnWarning,
    RunError,
)
from ._functions import (
    analyze,
    calibrate,
    draw_trials,
    evaluate,
    export_network,
    find_scaling_factor,
    import_network,
    resolve,
    sweep,
    train,
)
from ._interchange import to_neo, to_nir, to_nwb
from ._mdl_rnn import Cancel, __version__
from ._networks import (
    Activity,
    Analysis,
    Artifact,
    Evaluation,
    LifNetwork,
    Network,
    RateNetwork,
    SpikingNetwork,
    Trials,
    load,
)
from ._tasks import Task, config, config_names, from_neurogym, task, task_from_arrays, task_names

__all__ = [
    "Activity",
    "Analysis",
    "ArgumentError",
    "Artifact",
    "Cancel",
    "ConfigError",
    "DamagedFileError",
    "Evaluation",
    "InternalError",
    "Interrupted",
    "LifNetwork",
    "MdlRnnError",
    "MdlRnnWarning",
    "Network",
    "RateNetwork",
    "RunError",
    "SpikingNetwork",
    "Task",
    "Trials",
    "__version__",
    "analyze",
    "calibrate",
    "config",
    "config_names",
    "draw_trials",
    "evaluate",
    "export_network",
    "find_scaling_factor",
    "from_neurogym",
    "import_network",
    "load",
    "resolve",
    "sweep",
    "task",
    "task_from_arrays",
    "task_names",
    "to_neo",
    "to_nir",
    "to_nwb",
    "train",
]


def __getattr__(name: str) -> object:
    if name in ("jax", "plot", "torch"):
        import importlib

        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
