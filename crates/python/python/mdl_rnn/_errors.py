"""Exceptions and warnings."""

from __future__ import annotations

import warnings


class MdlRnnError(Exception):
    """Base of all exceptions of this package."""


class ArgumentError(MdlRnnError, ValueError):
    """A wrong argument: the message names it, what was found and what is expected."""


class ConfigError(ArgumentError):
    """A config that cannot be run: the message names the field, what was found and what is expected."""


class DamagedFileError(MdlRnnError, OSError):
    """A file that is damaged, of another kind, or unreadable: the message names it and what is wrong."""


class RunError(MdlRnnError, RuntimeError):
    """A run that failed for another reason than its inputs: training that diverged, a full disk."""


class Interrupted(MdlRnnError):
    """Work that a callback or another thread stopped. Ctrl-C raises `KeyboardInterrupt` instead."""


class InternalError(MdlRnnError, RuntimeError):
    """A bug in mdl-rnn. Please report it, with the message."""


class MdlRnnWarning(UserWarning):
    """A warning of mdl-rnn, such as that of a silent network."""


def warn(text: str) -> None:
    """Issue a warning of the library in the name of the first caller outside of this package."""
    import sys

    level, frame = 1, sys._getframe()
    while frame is not None and frame.f_globals.get("__name__", "").startswith("mdl_rnn."):
        level, frame = level + 1, frame.f_back  # type: ignore[assignment]
    warnings.warn(text, MdlRnnWarning, stacklevel=level)
