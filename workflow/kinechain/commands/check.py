"""`kinechain check`: every mistake in config and data, all at once, before anything runs."""

from __future__ import annotations

import argparse
import gc
from pathlib import Path

from kinechain.cohort import Cohort
from kinechain.errors import raise_if_any
from kinechain.preflight import cohort_warnings
from kinechain.study import CONFIG, DEFAULT_INFERENCE
from kinechain.study_preflight import find_mistakes
from kinechain.workload import few_draws


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where the study is."""
    parser.add_argument("folder", type=Path, nargs="?", default=Path(), help="the study's folder (default: this one)")


def run(arguments: argparse.Namespace) -> int:
    """Print what is wrong and return 2, or say that nothing is and return 0."""
    gc.disable()  # it ends in two seconds, of which looking for garbage would take a tenth of one
    cohorts: dict[str, Cohort] = {}
    study, problems = find_mistakes(arguments.folder, loaded=cohorts)
    raise_if_any(problems)
    assert study is not None
    for name in study.cohorts:
        for model, lacking in study.left_out(name).items():
            wanted = ", ".join(f"`{one}`" for one in lacking)
            print(f"config/cohorts/{name}.yaml: {model} will not be fitted: `constructs` names nothing for {wanted}.")
    n_cohorts, fits = len(study.cohorts), sum(len(study.models_of(name)) for name in study.cohorts)
    ahead = f"{n_cohorts} cohort{'s' * (n_cohorts != 1)}, {fits} fit{'s' * (fits != 1)} ahead"
    print(f"Nothing wrong: {ahead}.")
    if few := few_draws(study.config["inference"]["draws"]):
        print(f"To look at: config/config.yaml: inference: {few}. Write `draws: {DEFAULT_INFERENCE['draws']}`")
    for name in study.cohorts:
        for doubt in cohort_warnings(name, study.root / CONFIG, cohorts[name]):
            print(f"To look at: {doubt}")
    return 0
