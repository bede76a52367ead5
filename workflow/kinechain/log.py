"""A job's log: what a script prints, and why it stopped, in the file its rule names."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout

from kinechain.errors import EXIT_USER_ERROR, UserError


@contextmanager
def logged(path: str) -> Iterator[None]:
    """Send everything printed inside to a file; end with code 2 and one line a mistake for a UserError.

    Anything else that goes wrong is a bug: its traceback goes to the log, and the code is 1. Snakemake shows the log of
    a job that failed.
    """
    with open(path, "w", encoding="utf-8", buffering=1) as file:  # noqa: PTH123 -- a file object to hand to the system
        kept = [os.dup(1), os.dup(2)]
        sys.stdout.flush()
        sys.stderr.flush()
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
        try:
            with redirect_stdout(file), redirect_stderr(file):
                yield
        except UserError as error:
            file.write(f"{error}\n")
            raise SystemExit(EXIT_USER_ERROR) from None
        except Exception:  # noqa: BLE001 -- the log is where a bug is told; the exit code says that it happened
            traceback.print_exc(file=file)
            raise SystemExit(1) from None
        finally:
            for number, copy in enumerate(kept, start=1):
                os.dup2(copy, number)
                os.close(copy)
