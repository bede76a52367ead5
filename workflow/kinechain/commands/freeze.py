"""`kinechain freeze`: write down what config says before the data are analysed."""

from __future__ import annotations

import argparse
from pathlib import Path

from kinechain.registration import FILE, freeze
from kinechain.study import load_study


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where the study is."""
    parser.add_argument("folder", type=Path, nargs="?", default=Path(), help="the study's folder (default: this one)")


def run(arguments: argparse.Namespace) -> int:
    """Write the registration and say what to do with it."""
    record = freeze(load_study(arguments.folder))
    print(f"Frozen: {len(record['content'])} files, digest {record['digest']}, in {arguments.folder / FILE}.")
    if record["analysed"]:
        print(f"The registration says that these cohorts were analysed before it: {', '.join(record['analysed'])}.")
    print("Commit it now: the commit is the witness of the day.")
    return 0
