"""The programs as console scripts."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from pathlib import Path

from . import _mdl_rnn


def main() -> int:
    """Run the program by whose name this process was called; return its exit status.

    A config of the package, such as ``configs/go-nogo.json``, is found in every directory.
    """
    # The programs handle signals themselves.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    shipped = dict(_mdl_rnn.shipped())
    with tempfile.TemporaryDirectory() as share:
        if any(argument in shipped and not os.path.exists(argument) for argument in sys.argv):
            for name, text in shipped.items():
                file = Path(share, name)
                file.parent.mkdir(exist_ok=True)
                file.write_text(text, "utf-8")
        return _mdl_rnn.program(sys.argv, share)
