"""A job's log: what a script prints, and why it stopped, in the file its rule names."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from typing import TextIO

from kinechain.errors import EXIT_USER_ERROR, UserError, write_problem


@contextmanager
def logged(path: str) -> Iterator[None]:
    """Send everything printed inside to a file; end with code 2 and one line a mistake for a UserError.

    Anything else that goes wrong is a bug: its traceback goes to the log, and the code is 1. Snakemake shows the log of
    a job that failed. A log that takes no more, as on a full disk, is a mistake too, told where snakemake prints.
    """
    file = _open(path)
    kept = [os.dup(1), os.dup(2)]
    sys.stdout.flush()
    sys.stderr.flush()
    os.dup2(file.fileno(), 1)
    os.dup2(file.fileno(), 2)
    try:
        with redirect_stdout(file), redirect_stderr(file):
            yield
    except UserError as error:
        _tell(f"{error}\n", file, kept[1])
        raise SystemExit(EXIT_USER_ERROR) from None
    except Exception as error:  # noqa: BLE001 -- the log is where a bug is told; the exit code says that it happened
        problem = None
        if isinstance(error, OSError) and not isinstance(error, PermissionError):  # that may be of a file to read
            problem = write_problem(error, str(error.filename or path))
        _tell(f"{problem}\n" if problem else traceback.format_exc(), file, kept[1])
        raise SystemExit(EXIT_USER_ERROR if problem else 1) from None
    finally:
        for number, copy in enumerate(kept, start=1):
            os.dup2(copy, number)
            os.close(copy)
        with suppress(OSError):
            file.close()


def _open(path: str) -> TextIO:
    try:
        return open(path, "w", encoding="utf-8", buffering=1)  # noqa: PTH123 -- the system writes to it too
    except OSError as error:
        problem = write_problem(error, path)
        if problem is None:
            raise
        sys.stderr.write(f"{problem}\n")
        raise SystemExit(EXIT_USER_ERROR) from None


def _tell(text: str, file: TextIO, stderr: int) -> None:
    try:
        file.write(text)
        file.flush()
    except OSError:
        os.write(stderr, text.encode())
