"""`kinechain twin COHORT`: a synthetic twin for reproducing linear numbers without the data; `--verify` does so."""

from __future__ import annotations

import argparse
from pathlib import Path

from kinechain.study import load_study
from kinechain.twin import EXACT, LABEL
from kinechain.twin_folder import PAGE, folder_of, verify_twin, write_twin

EXIT_REFUSED = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which cohort, for which models."""
    add = parser.add_argument
    add("cohort", help="a cross-sectional cohort of people")
    add("folder", type=Path, nargs="?", default=Path(), help="the study's folder (default: this one)")
    add("--models", default="", help="models to reproduce, separated by commas (default: the study's main model)")
    add("--verify", action="store_true", help="fit the models to the twin that is here, and compare; needs no data")


def run(arguments: argparse.Namespace) -> int:
    """Make the twin, or fit the models to the one that is here; 1 when it was refused or does not reproduce."""
    study = load_study(arguments.folder)
    if not arguments.verify:
        asked = [name.strip() for name in arguments.models.split(",") if name.strip()]
        twin = write_twin(study, arguments.cohort, asked)
        if twin.refused:
            print("\n".join([f"No twin of {arguments.cohort}:", *twin.refused]))
            return EXIT_REFUSED
        page = folder_of(study, arguments.cohort) / PAGE
        print(f"A twin of {twin.n} people and {len(twin.names)} variables ({LABEL}): {page}")
    checked = verify_twin(study, arguments.cohort)
    for model, apart, words in checked:
        same = "the same" if apart <= EXACT else "NOT the same"
        print(f"{model}: coefficients and standard errors are {same} (largest difference {apart:.1e}); {words}")
    return 0 if all(apart <= EXACT for _, apart, _ in checked) else EXIT_REFUSED
