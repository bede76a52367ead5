"""`kinechain verify`: compute the study again in a fresh folder, and say what differs from what was committed."""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

from kinechain.certificate import write_certificate
from kinechain.scaffold import workflow_file
from kinechain.study import load_study
from kinechain.verify import check_published, fresh_folder, verify_study

EXIT_DIFFERS = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where the study is, and how it is to be verified."""
    add = parser.add_argument
    add("folder", type=Path, nargs="?", default=Path(), help="the study's folder (default: this one)")
    add("--published", action="store_true", help="compute nothing: hold the published files against their digests")
    add("--against", type=Path, metavar="FILE", help="manifest to compare with (default: the committed one)")
    add("--seed", type=int, help="compute again with another seed: does anything hang on the draws?")
    add("--cores", type=int, default=os.cpu_count() or 1, help="cores to use (default: all)")


def run(arguments: argparse.Namespace) -> int:
    """Print what was found, write the certificate, and return 0 when nothing that matters differs, else 1."""
    study = load_study(arguments.folder)
    if arguments.published:
        found = check_published(study, arguments.against)
        print(found.summary(), end="")
        return 0 if found.is_reproduced else EXIT_DIFFERS
    own = arguments.folder / "Snakefile"
    snakefile = own if own.is_file() else Path(workflow_file())
    started = time.monotonic()
    with fresh_folder() as again:
        options = {"against": arguments.against, "cores": arguments.cores, "seed": arguments.seed}
        found = verify_study(study, snakefile, again, **options)
        written = write_certificate(found, study, again, time.monotonic() - started)
    print(found.summary(), end="")
    print(f"Certificate: {written[0]}")
    return 0 if found.is_reproduced else EXIT_DIFFERS
