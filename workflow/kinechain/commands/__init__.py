"""What people type after `kinechain`: one module a command, imported only when it is asked for.

A module has `add_arguments(parser)` and `run(arguments) -> int`, the exit code.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

COMMANDS: Final[Mapping[str, tuple[str, str]]] = {
    "check": ("kinechain.commands.check", "every mistake in config and data, before anything runs"),
    "init": ("kinechain.commands.init", "a new study in a folder of its own"),
    "fit": ("kinechain.commands.fit", "fit one model to one data file, now"),
    "verify": ("kinechain.commands.verify", "compute the study again and compare it with what was committed"),
}
"""Command -> module, and what it does in one line."""
