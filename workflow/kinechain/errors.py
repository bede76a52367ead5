"""What is told to people: mistakes in config, models and data, one line each, all at once.

Two families exist. A `UserError` is a mistake in config or data: it is shown without a traceback and ends with exit
code 2. Anything else is a bug of this project and keeps its traceback.

A line has four parts, each left out only when empty: subject = value, what is wrong, what would be right, and where to
change it. No line ever holds a value or an identifier of a single person: counts only.
"""

from __future__ import annotations

import difflib
import errno
from collections.abc import Iterable
from dataclasses import dataclass

EXIT_USER_ERROR = 2
MOST_LISTED = 20
"""Names that a remedy lists; of more, only the nearest few are of help."""
NEAREST = 3


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake, told in one line.

    where   file, `file:line:column`, or the model or measure it is about
    what    what is wrong, in the reader's words, with the offending name or count
    remedy  what would be right and where to change it
    """

    where: str
    what: str
    remedy: str = ""

    def __str__(self) -> str:
        parts = (part.strip() for part in (self.what, self.remedy))
        line = " ".join(part if part.endswith((".", "?", "!")) else f"{part}." for part in parts if part)
        return " ".join(f"{self.where}: {line}".split())


class UserError(Exception):
    """Mistakes of the user, collected: printed one a line, exit code 2, no traceback."""

    def __init__(self, *problems: Problem) -> None:
        self.problems = problems
        super().__init__("\n".join(str(problem) for problem in problems))


def raise_if_any(problems: Iterable[Problem]) -> None:
    """Raise one `UserError` with all problems, or return when there are none."""
    found = tuple(problems)
    if found:
        raise UserError(*found)


def closest(name: str, known: Iterable[str], listed_in: str = "") -> str:
    """Remedy for a name that is not known: the closest match, else where the names are listed or the nearest few."""
    options = sorted(known)
    match = difflib.get_close_matches(name, options, n=1, cutoff=0.6)
    listed = f" Known names are listed in {listed_in}." if listed_in else ""
    if match:
        return f"Did you mean `{match[0]}`?{listed}"
    if listed:
        return listed.strip()
    if len(options) > MOST_LISTED:
        near = difflib.get_close_matches(name, options, n=NEAREST, cutoff=0.0)
        return f"The nearest names are {', '.join(f'`{option}`' for option in near)}."
    return f"Choose one of {', '.join(f'`{option}`' for option in options)}." if options else ""


_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)


def forbidden(where: str) -> Problem:
    """A file or folder that may not be written."""
    what = "it cannot be written: its permissions, or those of the disk, forbid it"
    return Problem(where, what, "Make it writable, or copy the study to a place that is")


def write_problem(error: OSError, where: str) -> Problem | None:
    """What to do where the system refused to write a file; None where it gave another reason."""
    if error.errno in _NO_ROOM:
        what = "the disk is full: this was not written"
        return Problem(where, what, "Make room and run it again: it goes on where it stopped")
    return forbidden(where) if error.errno in _FORBIDDEN else None
