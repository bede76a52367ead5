"""The registry of estimators: a name, and a function (spec, data, *, seed) -> Fit."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final, Protocol

from kinechain.errors import Problem, UserError, closest
from kinechain.fit import Fit
from kinechain.spec import ModelSpec


class Estimator(Protocol):
    """How a model meets data."""

    def __call__(self, spec: ModelSpec, data: Any, *, seed: int = 0) -> Fit:
        """Fit the spec to a Cohort, Moments, data frame or named columns."""


ESTIMATORS: Final[Mapping[str, tuple[str, str]]] = {
    "ml": ("kinechain.estimators.normal", "fit_ml"),
    "mlr": ("kinechain.estimators.normal", "fit_mlr"),
    "dwls": ("kinechain.estimators.wls", "fit_dwls"),
    "wlsmv": ("kinechain.estimators.wls", "fit_wlsmv"),
    "equationwise": ("kinechain.estimators.equationwise", "fit_equationwise"),
}
"""Name -> module and function; modules are imported when they are asked for."""


def estimator(name: str) -> Estimator:
    """The estimator of this name. Raises UserError for a name that is not in the registry."""
    if name not in ESTIMATORS:
        raise UserError(Problem("estimator", f"`{name}` is unknown", closest(name, ESTIMATORS)))
    module, function = ESTIMATORS[name]
    found: Estimator = getattr(import_module(module), function)
    return found


def fit_model(spec: ModelSpec, data: Any, *, seed: int = 0) -> Fit:
    """Fit the spec with the estimator it names."""
    return estimator(spec.estimator)(spec, data, seed=seed)
