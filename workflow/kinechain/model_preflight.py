"""Preflight of a model: what can be known before it is fitted in earnest, told in lines."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from kinechain.errors import Problem, UserError
from kinechain.estimators import fit_model
from kinechain.fit import Status
from kinechain.sample import Sample, check_size, draw_sample
from kinechain.spec import ModelSpec

if TYPE_CHECKING:
    from kinechain.cohort import Cohort

_NORMAL = ("ml", "mlr")


def check_model(spec: ModelSpec, cohort: Cohort) -> list[Problem]:
    """What stands in the way of fitting a model to a cohort: columns, people, collinearity, identification.

    A model of normal outcomes with gaps is looked at with everybody in it; what takes longer is left to the fit: it is
    tried on the complete people, with its causes taken as given, which takes milliseconds. Where too few are complete
    for that, nothing is said here.
    """
    if spec.estimator not in _NORMAL:
        return []
    trial = spec.table.remember("trial", lambda: _tried_as(spec))
    try:
        sample = draw_sample(spec, spec.table, cohort)
        check_size(spec, sample, spec.table.n_asked)
        if spec.missing == "fiml" and _complete_people(sample) < trial.table.n_free:
            return []
        fit = fit_model(trial, cohort)
    except UserError as error:
        return list(error.problems)
    if fit.status is Status.NOT_IDENTIFIED:
        return [Problem(spec.where, f"the model is not identified: {fit.detail}", fit.status.value)]
    return []


def _tried_as(spec: ModelSpec) -> ModelSpec:
    return replace(spec, estimator="ml", missing="listwise", options=replace(spec.options, fixed_x=True))


def _complete_people(sample: Sample) -> int:
    """People with every variable of the model; everybody where only moments are known."""
    return sum(
        group.patterns.n_people if group.X is None else int(np.isfinite(group.X).all(axis=1).sum())
        for group in sample.groups
    )
