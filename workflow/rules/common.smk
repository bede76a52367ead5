# What all rules share: the study as config/ describes it, checked before anything runs, and digests of the package.
#
# requires  config/*.yaml and what they name
# provides  STUDY, COHORTS and the helpers of the other rule files

import gc
import math
import os
import sys
from functools import cache
from pathlib import Path

from kinechain.errors import EXIT_USER_ERROR, UserError
from kinechain.preflight import read_threshold
from kinechain.registration import read_registration
from kinechain.sources import code_digest, templates_digest
from kinechain.study import load_study
from kinechain.study_preflight import check_once

# Snakemake keeps nearly all it makes: looking for garbage a hundred times as often finds none, and takes a twentieth of
# the time in which nothing is to be done.
gc.set_threshold(100_000, 50, 100)

PACKAGE = Path(sys.modules["kinechain"].__file__).parent
TEMPLATES = PACKAGE.parent / "templates"


def load():
    """The study and its registration; a mistake in it ends the run here, with one line each and nothing begun."""
    try:
        study = load_study(Path(), config)
        if workflow.is_main_process:
            check_once(study, config)
        registration = read_registration(study)
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(EXIT_USER_ERROR)
    return study, registration


def code(script):
    """Digest of a script and of the package's modules it imports."""
    return code_digest(PACKAGE.parent / "scripts" / f"{script}.py")


STUDY, REGISTRATION = load()
TEMPLATE = templates_digest()
COHORTS = list(STUDY.cohorts)
SLOWER = 5  # how much slower a node may be than the machine that predictions were measured on


wildcard_constraints:
    cohort="[A-Za-z][A-Za-z0-9_]*",
    model="[A-Za-z][A-Za-z0-9_]*",


def per_model(pattern):
    """Input function: one file for each model fitted to the cohort."""
    return lambda wildcards: expand(
        pattern, cohort=wildcards.cohort, model=STUDY.models_of(wildcards.cohort)
    )


@cache
def measures_digest(cohort):
    """The same for a cohort by name, worked out once."""
    return STUDY.measures_digest(cohort)


def measures_used(wildcards):
    """Digest of those entries of config/measures.yaml that the cohort mentions."""
    return measures_digest(wildcards.cohort)


def of_trial(pattern):
    """Input function: the file for a trial, nothing for other designs."""
    return lambda wildcards: (
        [pattern.format(cohort=wildcards.cohort)]
        if STUDY.is_trial(wildcards.cohort)
        else []
    )


def fits(wildcards):
    """Every fit of a cohort."""
    return per_model("data/derived/{cohort}/fits/{model}.json")(wildcards) + of_trial(
        "data/derived/{cohort}/trial/M10_trial.json"
    )(wildcards)


def effects(wildcards):
    """Every effect table of a cohort."""
    return per_model("data/derived/{cohort}/effects/{model}.parquet")(
        wildcards
    ) + of_trial("data/derived/{cohort}/trial/M10_trial.parquet")(wildcards)


def model_params(wildcards):
    """What config.yaml says that changes a model's estimates: macros it uses, estimator, missing-data method."""
    return {
        "macros": STUDY.macros_of(wildcards.model),
        "method": STUDY.method_of(wildcards.cohort, wildcards.model),
    }


def drawn(wildcards):
    """What a model's draws hang on: seed, number, interval."""
    inference = STUDY.config["inference"]
    return {
        "seed": inference["seed"],
        "draws": inference["draws"],
        "interval": STUDY.interval_of(wildcards.model),
    }


def parts_of_draws(wildcards):
    """Files of the jobs that share a model's draws; none where one job makes them all."""
    parts = STUDY.draw_jobs(wildcards.cohort, wildcards.model)
    return [
        f"data/derived/{wildcards.cohort}/draws/{wildcards.model}.{part}of{parts}.parquet"
        for part in range(parts if parts > 1 else 0)
    ]


def digests(wildcards):
    """Digests a report shows: of its data, its config and the package."""
    return (
        STUDY.digests(wildcards.cohort)
        | {"measures": measures_digest(wildcards.cohort)}
        | {"code": code("write_report")}
    )


@cache
def seconds_of_draws(cohort, model):
    """Seconds that one of the jobs which share a model's draws is predicted to take."""
    return STUDY.draw_seconds(cohort, model) / STUDY.draw_jobs(cohort, model)


def own_draws(wildcards):
    """The same for the model of a job."""
    return seconds_of_draws(wildcards.cohort, wildcards.model)


def all_draws(wildcards):
    """Seconds that the draws of all models of a cohort are predicted to take, one after the other."""
    return sum(
        STUDY.draw_seconds(wildcards.cohort, model)
        for model in STUDY.models_of(wildcards.cohort)
    )


@cache
def rows(cohort):
    """About how many people a cohort has; none where a job is of no cohort."""
    return STUDY.rows(cohort) if cohort else 0


def memory(megabytes, per_draw=0.0, per_row=0.0):
    """What a job may hold: its code, and so much for each draw and each row; twice as much after each failed attempt."""
    fixed = megabytes + per_draw * STUDY.config["inference"]["draws"]

    def asked(wildcards, attempt):
        people = rows(wildcards.get("cohort"))
        return math.ceil(fixed + per_row * people) * 2 ** (attempt - 1)

    return asked


def minutes(least, seconds=lambda wildcards: 0.0):
    """How long a job may take: a few minutes and what is predicted, times SLOWER; twice as much after each failed attempt."""

    def asked(wildcards, attempt):
        predicted = SLOWER * seconds(wildcards) / 60
        return math.ceil(least + predicted) * 2 ** (attempt - 1)

    return asked
