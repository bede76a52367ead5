"""The command line: finds the command, tells mistakes in one line each, and says by its exit code how it went."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

from kinechain import __version__
from kinechain.commands import COMMANDS
from kinechain.errors import EXIT_USER_ERROR, Problem, UserError, closest
from kinechain.syntax import ModelSyntaxError


class _Parser(argparse.ArgumentParser):
    """Mistakes in the arguments in one line, without the usage text."""

    def error(self, message: str) -> NoReturn:
        raise UserError(Problem(self.prog, message, f"`{self.prog} --help` lists what it takes"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code: 2 for a user's mistake."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return _run(given)
    except ModelSyntaxError as error:
        for problem, excerpt in zip(error.problems, error.excerpts, strict=True):
            print(f"{problem}\n{excerpt}", file=sys.stderr)
    except UserError as error:
        print(error, file=sys.stderr)
    except BrokenPipeError:
        sys.stderr.close()
    return EXIT_USER_ERROR


def _run(given: list[str]) -> int:
    name = given[0] if given else "--help"
    if name in ("-h", "--help"):
        width = max(len(command) for command in COMMANDS)
        print("kinechain: from a cohort file to a verdict on every claim\n")
        for command, (_, says) in COMMANDS.items():
            print(f"  kinechain {command:<{width}}  {says}")
        print("\n`kinechain COMMAND --help` tells more of each.")
        return 0 if given else EXIT_USER_ERROR
    if name == "--version":
        print(__version__)
        return 0
    if name not in COMMANDS:
        raise UserError(Problem("kinechain", f"`{name}` is not a command", closest(name, COMMANDS)))
    module, says = COMMANDS[name]
    chosen = import_module(module)
    parser = _Parser(prog=f"kinechain {name}", description=says, allow_abbrev=False)
    chosen.add_arguments(parser)
    code: int = chosen.run(parser.parse_args(given[1:]))
    return code


if __name__ == "__main__":
    sys.exit(main())
