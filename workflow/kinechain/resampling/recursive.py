"""Recursive path models with complete data: draws in closed form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from kinechain.effect_plan import causal_order
from kinechain.numerics import Array
from kinechain.numerics.batched_moments import MomentDraws, Scale
from kinechain.numerics.batched_recursive import Equations, implied_covariance, regress
from kinechain.parameter_table import ParameterTable
from kinechain.resampling.draws import ParameterDraws

Places = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class RecursiveModel:
    """A parameter table whose maximum likelihood estimate is least squares, equation by equation.

    names      observed variables, in the order of the moments
    equations  by position in `names`
    cells      where each kind of number goes: rows of the table, and the one or two variables of each. Kinds: path,
               residual (variances), joint (residual covariances), known (covariances of variables without an equation)
               and mean
    """

    table: ParameterTable
    names: tuple[str, ...]
    equations: Equations
    cells: Mapping[str, tuple[Places, Places, Places]]


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
    return RecursiveModel(table, table.observed, equations, _cells(table, place, equations))


def _cells(
    table: ParameterTable, place: Mapping[str, int], equations: Equations
) -> dict[str, tuple[Places, Places, Places]]:
    """Rows of the table by kind; a row of none of them is fixed at zero."""
    found: dict[str, list[tuple[int, int, int]]] = {kind: [] for kind in ("path", "residual", "joint", "known", "mean")}
    number = {frozenset(pair): k for k, pair in enumerate(equations.joint)}
    for at, row in enumerate(table.rows):
        y, x = place[row.lhs], place.get(row.rhs, -1)
        if row.op == "~1":
            found["mean"].append((at, y, y))
        elif row.op == "~":
            found["path"].append((at, y, x))
        elif x == y:
            found["residual"].append((at, y, y))
        elif frozenset((x, y)) in number:
            found["joint"].append((at, y, x))
        elif not {x, y} & set(equations.outcomes):
            found["known"].append((at, y, x))
    found["joint"].sort(key=lambda cell: number[frozenset(cell[1:])])
    return {
        kind: tuple(np.array([cell[side] for cell in cells], np.intp) for side in range(3))  # type: ignore[misc]  # three
        for kind, cells in found.items()
    }


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
    scale    unit and spread of each variable, by which the rows get their own units back

    A draw in which an equation has no solution is NaN in every row and marked as failed.
    """
    found = regress(moments.covariance, model.equations)
    spread = scale.spread
    with np.errstate(invalid="ignore"):  # a failed draw may leave a variance a rounding below zero
        Sigma = implied_covariance(moments.covariance, found, model.equations)
        deviation = np.sqrt(np.einsum("iid->id", Sigma))
    values = np.zeros((len(model.table.rows), found.failed.size))
    standardised = np.zeros_like(values)

    def place(at: Places, part: Array, unit: Array, divisor: Array) -> None:
        values[at] = part * unit[:, None]
        standardised[at] = part / divisor

    with np.errstate(invalid="ignore", divide="ignore"):
        at, y, x = model.cells["path"]
        place(at, found.paths[y, x], spread[y] / spread[x], deviation[y] / deviation[x])
        at, y, _ = model.cells["residual"]
        place(at, found.residual[y], spread[y] ** 2, deviation[y] ** 2)
        at, y, x = model.cells["joint"]
        place(at, found.joint, spread[x] * spread[y], np.sqrt(found.residual[x] * found.residual[y]))
        at, y, x = model.cells["known"]
        place(at, moments.covariance[x, y], spread[x] * spread[y], deviation[x] * deviation[y])
        at, y, _ = model.cells["mean"]
        if at.size:
            mean = moments.mean + (scale.centre / spread)[:, None]
            rest = mean.copy()
            for outcome, regressors in zip(model.equations.outcomes, model.equations.regressors, strict=True):
                for source in regressors:
                    rest[outcome] -= found.paths[outcome, source] * mean[source]
            place(at, rest[y], spread[y], deviation[y])
    if found.failed.any():
        values[:, found.failed] = np.nan
        standardised[:, found.failed] = np.nan
    return ParameterDraws(values, standardised, found.failed)
