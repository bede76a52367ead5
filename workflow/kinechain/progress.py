"""How far a long piece of work has come: a line now and then on standard error, which a job's log keeps."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

QUIET = 10.0
"""Seconds of work before the first line, and between two lines."""


def to_stderr(line: str) -> None:
    """Print a line where it cannot mix with results on standard output."""
    print(line, file=sys.stderr, flush=True)


class Progress:
    """Counts pieces of work and tells `k of n draws, about t left`, at most every `QUIET` seconds.

    total  pieces in all; what they are called
    clock  seconds, rising; tell takes each line
    """

    __slots__ = ("_clock", "_done", "_said", "_start", "_tell", "_total", "_what")

    def __init__(
        self,
        total: int,
        what: str,
        *,
        clock: Callable[[], float] = time.monotonic,
        tell: Callable[[str], None] = to_stderr,
    ) -> None:
        self._total, self._what, self._clock, self._tell = total, what, clock, tell
        self._done = 0
        self._start = self._said = clock()

    def add(self, count: int) -> None:
        """Some more pieces are done."""
        self._done += count
        now = self._clock()
        if self._done >= self._total or now - self._said < QUIET:
            return
        self._said = now
        left = (now - self._start) / self._done * (self._total - self._done)
        self._tell(f"{self._done} of {self._total} {self._what}, about {time_words(left)} left")


def time_words(seconds: float) -> str:
    """A span of time as people say it: seconds, minutes or hours, the larger the rougher."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 5400:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"
