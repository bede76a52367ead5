"""The effect table of a fit: every path, covariance, defined and derived effect, with delta-method intervals."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtr, ndtri

from kinechain.effect_plan import EffectPlan, plan_effects
from kinechain.estimators.layout import label_values
from kinechain.expressions import linearise
from kinechain.fit import Fit, std_errors_of
from kinechain.links import effects_across_links
from kinechain.numerics import Array
from kinechain.numerics.ram import Index
from kinechain.solution import solve_rows, standardise_rows

if TYPE_CHECKING:
    import pandas as pd

LEVEL = 0.95
INNER_LEVEL = 0.90
"""Level of the inner interval, which answers an equivalence question at 5 %."""


@dataclass(frozen=True, slots=True)
class Effects:
    """Effects of a fit with their derivatives, in the order of their plan.

    plan           what they are
    values         (e,)    raw
    slopes         (e, k)  derivatives by the free parameters
    standardised   (e,)    on the scale of standard deviations (std.all)
    standard_slopes (e, k)
    """

    plan: EffectPlan
    values: Array
    slopes: Array
    standardised: Array
    standard_slopes: Array


def differentiate_effects(fit: Fit) -> Effects:
    """Every effect and its derivatives; NaN where the fit has no numbers."""
    plan = plan_effects(fit.table, fit.spec.covariates, fit.spec.contrasts)
    solution = solve_rows(fit)
    standard, standard_slopes = standardise_rows(fit.table, solution, "all")
    values, slopes = _walk(plan, solution.values, solution.value_slopes, standard, standard_slopes)
    both = _walk(plan, standard, standard_slopes, standard, standard_slopes)
    absent = effects_across_links(plan, fit.links)
    if absent:
        nowhere = [at for at, effect in enumerate(plan.effects) if effect.name in absent]
        values[nowhere], slopes[nowhere] = math.nan, math.nan
    return Effects(plan, values, slopes, *both)


def estimate_definitions(fit: Fit) -> dict[str, tuple[float, float]]:
    """Estimate and standard error of what the model defines with `:=`, and of nothing else; NaN without numbers."""
    if not fit.table.definitions:
        return {}
    values, gradients = label_values(fit.table, fit.table.first_rows(), fit.estimates)
    names = [definition.lhs for definition in fit.table.definitions]
    absent = (
        effects_across_links(plan_effects(fit.table, fit.spec.covariates, fit.spec.contrasts), fit.links)
        if fit.links
        else {}
    )
    errors = std_errors_of(np.array([gradients[name] for name in names]), fit.covariance)
    return {
        name: (math.nan, math.nan) if name in absent else (values[name], float(error))
        for name, error in zip(names, errors, strict=True)
    }


def _walk(
    plan: EffectPlan, values: Array, slopes: Array, standard: Array, standard_slopes: Array
) -> tuple[Array, Array]:
    """Effects of row values and, by the chain rule, their derivatives."""
    k = slopes.shape[1]
    result, gradient = np.empty(len(plan.effects)), np.empty((len(plan.effects), k))
    places = plan.table.first_rows()
    named = {name: float(values[at]) for name, at in places.items()}
    named_slopes = {name: slopes[at] for name, at in places.items()}
    loops = [_total_effects(arrows, values) for arrows in plan.arrows]
    known: dict[tuple[int, tuple[str, ...]], tuple[float, Array]] = {}

    def product(group: int, path: tuple[str, ...]) -> tuple[float, Array]:
        """Product of the arrows along a path; paths share their beginnings."""
        if (group, path) not in known:
            row = plan.arrows[group - 1][path[-1], path[-2]]
            value, slope = float(values[row]), slopes[row]
            if len(path) > 2:
                before, before_slope = product(group, path[:-1])
                value, slope = before * value, before_slope * value + before * slope
            known[group, path] = value, slope
        return known[group, path]

    for at, effect in enumerate(plan.effects):
        if effect.kind == "r2":
            result[at], gradient[at] = 1.0 - standard[effect.row], -standard_slopes[effect.row]
        elif effect.row >= 0:
            result[at], gradient[at] = values[effect.row], slopes[effect.row]
        elif effect.expression is not None:
            result[at], gradient[at] = linearise(effect.expression, named, named_slopes, k)
            named[effect.name], named_slopes[effect.name] = float(result[at]), gradient[at]
        elif effect.terms:
            result[at] = sum(weight * result[other] for other, weight in effect.terms)
            gradient[at] = sum(weight * gradient[other] for other, weight in effect.terms)
        elif effect.path:
            result[at], gradient[at] = product(effect.group, effect.path)
        else:
            names, B, outcomes, sources, rows = loops[effect.group - 1]
            y, x = names[effect.lhs], names[effect.rhs]
            result[at] = B[y, x]
            gradient[at] = (B[y, outcomes] * B[sources, x]) @ slopes[rows]
            own = plan.arrows[effect.group - 1].get((effect.lhs, effect.rhs))
            if effect.kind == "total_indirect" and own is not None:
                result[at] -= values[own]
                gradient[at] -= slopes[own]
    return result, gradient


def _total_effects(
    arrows: Mapping[tuple[str, str], int], values: Array
) -> tuple[dict[str, int], Array, Index, Index, Index]:
    """Names and (I - A)^-1 of the arrows between variables, NaN where a loop feeds itself fully; then for each arrow
    the places of its outcome and source, and its row."""
    names = {name: at for at, name in enumerate(dict.fromkeys(name for arrow in arrows for name in arrow))}
    outcomes = np.array([names[outcome] for outcome, _ in arrows], dtype=np.intp)
    sources = np.array([names[source] for _, source in arrows], dtype=np.intp)
    rows = np.array([*arrows.values()], dtype=np.intp)
    A = np.zeros((len(names), len(names)))
    A[outcomes, sources] = values[rows]
    B = np.full_like(A, math.nan)
    if np.isfinite(A).all():
        with contextlib.suppress(np.linalg.LinAlgError):
            B = np.asarray(np.linalg.inv(np.eye(len(names)) - A), dtype=np.float64)
    return names, B, outcomes, sources, rows


def estimate_effects(fit: Fit, *, level: float = LEVEL, units: Mapping[str, str] | None = None) -> pd.DataFrame:
    """The effect table: one row an effect, with symmetric intervals from the delta method.

    level  of `low` and `high`; `low_90` and `high_90` are always the 90 % interval
    units  unit of each variable; an effect of x on y has the unit "unit of y per unit of x"

    Numbers are NaN where the fit has none. Standard errors of standardised effects count the standard deviations as
    estimated, except those of fixed exogenous variables.
    """
    import pandas as pd

    effects = differentiate_effects(fit)
    error = std_errors_of(effects.slopes, fit.covariance)
    standard_error = std_errors_of(effects.standard_slopes, fit.covariance)
    is_known = error > 0.0
    z, z_90 = float(ndtri(0.5 + level / 2.0)), float(ndtri(0.5 + INNER_LEVEL / 2.0))
    with np.errstate(all="ignore"):
        p_value = np.where(is_known, 2.0 * ndtr(-np.abs(effects.values / np.where(is_known, error, 1.0))), math.nan)
    planned = effects.plan.effects
    return pd.DataFrame(
        {
            "model": fit.spec.name,
            "effect": [effect.name for effect in planned],
            "kind": [effect.kind for effect in planned],
            "estimate": effects.values,
            "std_error": error,
            "low": effects.values - z * error,
            "high": effects.values + z * error,
            "level": level,
            "interval": "delta",
            "p_value": p_value,
            "mc_error_low": math.nan,
            "mc_error_high": math.nan,
            "draws": 0,
            "failed_draws": 0,
            "n": fit.n,
            "unit": [_unit(effect.kind, effect.lhs, effect.rhs, units or {}) for effect in planned],
            "standardised": effects.standardised,
            "estimator": fit.estimator,
            "low_90": effects.values - z_90 * error,
            "high_90": effects.values + z_90 * error,
            "standardised_low": effects.standardised - z * standard_error,
            "standardised_high": effects.standardised + z * standard_error,
            "standardised_low_90": effects.standardised - z_90 * standard_error,
            "standardised_high_90": effects.standardised + z_90 * standard_error,
            "standardised_std_error": standard_error,
            "label": [effect.label for effect in planned],
            "lhs": [effect.lhs for effect in planned],
            "rhs": [effect.rhs for effect in planned],
            "path": ["->".join(effect.path) for effect in planned],
        }
    )


def _unit(kind: str, lhs: str, rhs: str, units: Mapping[str, str]) -> str:
    """Unit of an effect, "" where a variable's unit is not known."""
    if lhs not in units or (rhs and rhs not in units):
        return ""
    if kind == "covariance":
        return f"{units[lhs]} x {units[rhs]}"
    return f"{units[lhs]} per {units[rhs]}" if rhs else ""
