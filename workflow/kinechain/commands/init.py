"""`kinechain init`: a new study in a folder of its own."""

from __future__ import annotations

import argparse
from pathlib import Path

from kinechain.scaffold import start_study


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where the study goes."""
    parser.add_argument("folder", type=Path, help="a new or empty folder")
    parser.add_argument(
        "--data", type=Path, help="your data file: a draft of its description is made from names and ranges"
    )


def run(arguments: argparse.Namespace) -> int:
    """Make the study and say what to type next."""
    start_study(arguments.folder)
    if arguments.data:
        from kinechain.draft import draft_study

        draft = draft_study(arguments.folder, arguments.data)
        print(f"Your cohort's draft is {draft}: settle what is undecided in it; `kinechain check` says what is left.")
    print(f"A study is in {arguments.folder}. Next: cd there, `kinechain check`, then `snakemake`.")
    return 0
