"""What people type after `kinechain`: one module a command, imported only when it is asked for.

A module has `add_arguments(parser)` and `run(arguments) -> int`, the exit code.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

COMMANDS: Final[Mapping[str, tuple[str, str]]] = {
    "check": ("kinechain.commands.check", "every mistake in config and data, before anything runs"),
    "diff": ("kinechain.commands.diff", "what one config changes against another, or against the last run"),
    "init": ("kinechain.commands.init", "a new study in a folder of its own"),
    "fit": ("kinechain.commands.fit", "fit one model to one data file, now"),
    "trace": ("kinechain.commands.trace", "where a number of a report came from"),
    "freeze": ("kinechain.commands.freeze", "write down what config says before the data are analysed"),
    "twin": ("kinechain.commands.twin", "a synthetic twin of a cohort, for reproducing and not for discovery"),
    "verify": ("kinechain.commands.verify", "compute the study again and compare it with what was committed"),
}
"""Command -> module, and what it does in one line."""
