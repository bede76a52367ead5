"""`kinechain init`: a new study in a folder of its own."""

from __future__ import annotations

import argparse
from pathlib import Path

from kinechain.scaffold import start_study


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where the study goes."""
    parser.add_argument("folder", type=Path, help="a new or empty folder")


def run(arguments: argparse.Namespace) -> int:
    """Make the study and say what to type next."""
    start_study(arguments.folder)
    print(f"A study is in {arguments.folder}. Next: cd there, `kinechain check`, then `snakemake`.")
    return 0
