"""Preflight of a model: what can be known before it is fitted in earnest, told in lines."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from kinechain.errors import Problem, UserError
from kinechain.estimators import fit_model
from kinechain.fit import Status
from kinechain.spec import ModelSpec

if TYPE_CHECKING:
    from kinechain.cohort import Cohort

_NORMAL = ("ml", "mlr")


def check_model(spec: ModelSpec, cohort: Cohort) -> list[Problem]:
    """What stands in the way of fitting a model to a cohort: columns, people, collinearity, identification.

    Models of normal outcomes are tried on the complete people, which takes milliseconds; whether the search for the
    optimum ends is for the fit to say.
    """
    if spec.estimator not in _NORMAL:
        return []
    try:
        fit = fit_model(replace(spec, estimator="ml", missing="listwise"), cohort)
    except UserError as error:
        return list(error.problems)
    if fit.status is Status.NOT_IDENTIFIED:
        return [Problem(spec.where, f"the model is not identified: {fit.detail}", fit.status.value)]
    return []
