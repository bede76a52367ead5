"""What people type after `kinechain`: one module a command, imported only when it is asked for.

A module has `add_arguments(parser)` and `run(arguments) -> int`, the exit code.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

COMMANDS: Final[Mapping[str, tuple[str, str]]] = {
    "fit": ("kinechain.commands.fit", "fit one model to one data file, now"),
}
"""Command -> module, and what it does in one line."""
