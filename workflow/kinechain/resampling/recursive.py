"""Recursive path models with complete data: draws in closed form."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from kinechain.effect_plan import causal_order
from kinechain.numerics import Array
from kinechain.numerics.batched_moments import MomentDraws, Scale
from kinechain.numerics.batched_recursive import Equations, implied_covariance, regress
from kinechain.resampling.draws import ParameterDraws
from kinechain.spec import ParameterTable


@dataclass(frozen=True, slots=True)
class RecursiveModel:
    """A parameter table whose maximum likelihood estimate is least squares, equation by equation.

    names      observed variables, in the order of the moments
    equations  by position in `names`
    """

    table: ParameterTable
    names: tuple[str, ...]
    equations: Equations


def recursive_model(table: ParameterTable) -> RecursiveModel | None:
    """The table as a recursive model, or None where least squares is not its maximum likelihood estimate.

    It is where there is one group, nothing latent, ordered or constrained, no loop; where every path is free on its own
    (or fixed at zero); where variables without an equation covary freely; and where residuals are uncorrelated, or
    correlated freely between equations with the same regressors.
    """
    rows = table.rows
    if table.latent or table.constraints or table.n_groups != 1 or any(row.op in ("|", "~*~", "=~") for row in rows):
        return None
    arrows = {(row.lhs, row.rhs): row for row in rows if row.op == "~"}
    freed = [row.free for row in rows if row.free]
    if len(set(freed)) < len(freed):
        return None
    if any(row.fixed != 0 for row in arrows.values() if not row.free):
        return None
    if any(np.isfinite(row.lower) or np.isfinite(row.upper) for row in rows):
        return None
    arrows = {pair: row for pair, row in arrows.items() if row.free}
    order = causal_order(arrows, table.observed)
    if not order:
        return None
    place = {name: at for at, name in enumerate(table.observed)}
    outcomes = [name for name in order if any(lhs == name for lhs, _ in arrows)]
    regressors = {name: tuple(place[row.rhs] for (lhs, _), row in arrows.items() if lhs == name) for name in outcomes}
    covary = {frozenset((row.lhs, row.rhs)) for row in rows if row.op == "~~" and (row.free or row.exo)}
    held = [row for row in rows if row.op == "~~" and not row.free and not row.exo]
    if any(row.lhs == row.rhs or row.fixed != 0 for row in held):
        return None
    if any(row.op == "~1" and not row.free and not row.exo for row in rows):
        return None
    joint = []
    for first, second in combinations(order, 2):
        has_equation = (first in regressors, second in regressors)
        does_covary = frozenset((first, second)) in covary
        if not any(has_equation):
            if not does_covary:
                return None
        elif does_covary:
            if not all(has_equation) or set(regressors[first]) != set(regressors[second]):
                return None
            joint.append((place[first], place[second]))
    if not _is_transitive(joint):
        return None
    equations = Equations(
        len(place), tuple(place[name] for name in outcomes), tuple(regressors[name] for name in outcomes), tuple(joint)
    )
    return RecursiveModel(table, table.observed, equations)


def _is_transitive(joint: list[tuple[int, int]]) -> bool:
    """Whether outcomes that covary with a common third covary with each other."""
    pairs = {frozenset(pair) for pair in joint}
    return all(
        frozenset((a, c)) in pairs
        for first in pairs
        for second in pairs
        if len(first & second) == 1
        for a in first - second
        for c in second - first
    )


def parameters_of_moments(model: RecursiveModel, moments: MomentDraws, scale: Scale) -> ParameterDraws:
    """Every row of the table, in every draw.

    moments  of the variables standardised by `scale`, in the order of `model.names`
    """
    found = regress(moments.covariance, model.equations)
    place = {name: at for at, name in enumerate(model.names)}
    spread = scale.spread
    with np.errstate(invalid="ignore"):  # a failed draw may leave a variance a rounding below zero
        Sigma = implied_covariance(moments.covariance, found, model.equations)
        deviation = np.sqrt(np.einsum("iid->id", Sigma))
    draws = found.failed.size
    values = np.zeros((len(model.table.rows), draws))
    standardised = np.zeros_like(values)
    joint = {frozenset(pair): k for k, pair in enumerate(model.equations.joint)}
    explained = set(model.equations.outcomes)
    with np.errstate(invalid="ignore", divide="ignore"):
        for at, row in enumerate(model.table.rows):
            y = place[row.lhs]
            if row.op == "~1":
                mean = moments.mean[y] + scale.centre[y] / spread[y]
                if y in explained:
                    mean = mean - _explained_mean(model, y, found.paths, moments, scale)
                values[at], standardised[at] = mean * spread[y], mean / deviation[y]
                continue
            x = place[row.rhs]
            if row.op == "~":
                values[at] = found.paths[y, x] * (spread[y] / spread[x])
                standardised[at] = found.paths[y, x] * deviation[x] / deviation[y]
            elif x == y:
                values[at] = found.residual[y] * spread[y] ** 2
                standardised[at] = found.residual[y] / deviation[y] ** 2
            elif frozenset((x, y)) in joint:
                covariance = found.joint[joint[frozenset((x, y))]]
                values[at] = covariance * (spread[x] * spread[y])
                standardised[at] = covariance / np.sqrt(found.residual[x] * found.residual[y])
            elif x not in explained and y not in explained:
                values[at] = moments.covariance[x, y] * (spread[x] * spread[y])
                standardised[at] = moments.covariance[x, y] / (deviation[x] * deviation[y])
    values[:, found.failed] = np.nan
    standardised[:, found.failed] = np.nan
    return ParameterDraws(values, standardised, found.failed)


def _explained_mean(model: RecursiveModel, y: int, paths: Array, moments: MomentDraws, scale: Scale) -> Array:
    """What the regressors explain of a standardised variable's mean."""
    regressors = model.equations.regressors[model.equations.outcomes.index(y)]
    explained = np.zeros(paths.shape[2])
    for x in regressors:
        explained += paths[y, x] * (moments.mean[x] + scale.centre[x] / scale.spread[x])
    return explained
