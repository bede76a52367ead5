"""Preflight of a model: what can be known before it is fitted in earnest, told in lines."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from kinechain.errors import Problem, UserError
from kinechain.estimators import fit_model
from kinechain.fit import Status
from kinechain.sample import check_size, draw_sample
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
    trial = replace(spec, estimator="ml", missing="listwise", options=replace(spec.options, fixed_x=True))
    try:
        check_size(spec, draw_sample(spec, spec.table, cohort), spec.table.n_asked)
        if spec.missing == "fiml" and _complete_people(trial, cohort) < trial.table.n_free:
            return []
        fit = fit_model(trial, cohort)
    except UserError as error:
        return list(error.problems)
    if fit.status is Status.NOT_IDENTIFIED:
        return [Problem(spec.where, f"the model is not identified: {fit.detail}", fit.status.value)]
    return []


def _complete_people(spec: ModelSpec, cohort: Cohort) -> int:
    if cohort.people is None:
        return cohort.n
    return int(np.isfinite(cohort.people[list(spec.table.observed)].to_numpy(dtype=np.float64)).all(axis=1).sum())
