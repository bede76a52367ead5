"""From rows to matrices: where each row of the table stands, what its formulas demand, and where the search starts."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from kinechain.expressions import Expression, linearise
from kinechain.numerics import Array
from kinechain.numerics.optimise import Constraints, no_constraints
from kinechain.numerics.ram import Index, Part, Ram
from kinechain.spec import ParameterTable, Row

PARTS = {"=~": Part.A, "~": Part.A, "~~": Part.S, "~1": Part.M, "|": Part.TAU, "~*~": Part.DELTA}


def lay_out(table: ParameterTable, moments: tuple[tuple[Array, Array], ...]) -> tuple[Ram, ...]:
    """One `Ram` a group, whose cells are the group's rows in order.

    moments  (mean (p,), covariance (p, p)) of the observed variables of each group: exogenous rows take their values
    """
    if "layouts" not in table.memory:
        table.memory["layouts"] = _lay_out_rows(table)
    layouts = []
    for (ram, given), (mean, covariance) in zip(table.memory["layouts"], moments, strict=True):
        fixed = ram.fixed.copy()
        row, column = ram.row[given], ram.column[given]
        fixed[given] = np.where(ram.part[given] == Part.M, mean[row], covariance[row, column])
        layouts.append(replace(ram, fixed=fixed))
    return tuple(layouts)


def _lay_out_rows(table: ParameterTable) -> tuple[tuple[Ram, Index], ...]:
    """For each group its `Ram`, and the cells that take their values from the sample."""
    names = (*table.observed, *table.latent)
    place = {name: position for position, name in enumerate(names)}
    layouts = []
    for group in range(1, table.n_groups + 1):
        rows = [row for row in table.rows if row.group == group]
        part, at, to, free, fixed = [], [], [], [], []
        for row in rows:
            kind = PARTS[row.op]
            left, right = place[row.lhs], place.get(row.rhs, 0)
            if row.op == "=~":
                left, right = right, left
            elif row.op == "|":
                right = int(row.rhs.lstrip("t")) - 1 if row.rhs.lstrip("t").isdigit() else 0
            elif kind in (Part.M, Part.DELTA):
                right = 0
            part.append(int(kind))
            at.append(left)
            to.append(right)
            free.append(row.free - 1)
            fixed.append(0.0 if row.free or row.exo else row.fixed)
        ram = Ram(
            names,
            len(table.observed),
            np.array(part, dtype=np.intp),
            np.array(at, dtype=np.intp),
            np.array(to, dtype=np.intp),
            np.array(free, dtype=np.intp),
            np.array(fixed, dtype=np.float64),
            table.n_free,
            table.has_means,
        )
        layouts.append((ram, np.flatnonzero([row.exo for row in rows])))
    return tuple(layouts)


# --- constraints ---


@dataclass(frozen=True, slots=True)
class _Demand:
    """left - right, which must be zero, or not negative."""

    left: Expression
    right: Expression
    sign: float = 1.0


def read_constraints(table: ParameterTable) -> Constraints | None:
    """The table's constraints and bounds as functions of the free parameters; None when it has none."""
    equal = [_Demand(row.left, row.right) for row in table.constraints if row.op == "==" and row.left and row.right]
    above = [
        _Demand(row.left, row.right, 1.0 if row.op == ">" else -1.0)
        for row in table.constraints
        if row.op in ("<", ">") and row.left and row.right
    ]
    bounds = [
        (row.free - 1, sign, limit)
        for row in table.rows
        for sign, limit in ((1.0, row.lower), (-1.0, row.upper))
        if row.free and math.isfinite(limit)
    ]
    if not (equal or above or bounds):
        return None
    k = table.n_free
    places = table.first_rows()

    def settle(demands: list[_Demand], theta: Array) -> tuple[Array, Array]:
        values, gradients = label_values(table, places, theta)
        results = [
            (linearise(demand.left, values, gradients, k), linearise(demand.right, values, gradients, k), demand.sign)
            for demand in demands
        ]
        value = np.array([sign * (left[0] - right[0]) for left, right, sign in results])
        jacobian = np.array([sign * (left[1] - right[1]) for left, right, sign in results]).reshape(len(demands), k)
        return value, jacobian

    def equals(theta: Array) -> tuple[Array, Array]:
        return settle(equal, theta) if equal else no_constraints(k).equal(theta)

    def aboves(theta: Array) -> tuple[Array, Array]:
        value, jacobian = settle(above, theta) if above else no_constraints(k).above(theta)
        if bounds:
            rows = np.zeros((len(bounds), k))
            rows[np.arange(len(bounds)), [place for place, _, _ in bounds]] = [sign for _, sign, _ in bounds]
            more = np.array([sign * (theta[place] - limit) for place, sign, limit in bounds])
            value, jacobian = np.concatenate([value, more]), np.concatenate([jacobian, rows])
        return value, jacobian

    return Constraints(equals, aboves)


def label_values(
    table: ParameterTable, places: dict[str, int], theta: Array
) -> tuple[dict[str, float], dict[str, Array]]:
    """Value and gradient of every label and definition at theta; exogenous rows count as constants of value NaN."""
    k = table.n_free
    unit, zero = np.eye(k), np.zeros(k)
    values: dict[str, float] = {}
    gradients: dict[str, Array] = {}
    for name, position in places.items():
        row = table.rows[position]
        values[name] = float(theta[row.free - 1]) if row.free else row.fixed
        gradients[name] = unit[row.free - 1] if row.free else zero
    for definition in table.definitions:
        assert definition.right is not None
        values[definition.lhs], gradients[definition.lhs] = linearise(definition.right, values, gradients, k)
    return values, gradients


# --- starting values ---


def start_values(table: ParameterTable, rams: tuple[Ram, ...], moments: tuple[tuple[Array, Array], ...]) -> Array:
    """Where the search starts: equation-wise least squares, which for a recursive model of observed variables with
    uncorrelated residuals is already the maximum-likelihood solution; simple guesses for what hangs on latents.

    moments  (mean (p,), covariance (p, p)) of each group
    """
    total, count = np.zeros(table.n_free), np.zeros(table.n_free)
    given = np.full(table.n_free, math.nan)
    for group, (ram, (mean, S)) in enumerate(zip(rams, moments, strict=True), start=1):
        rows = [row for row in table.rows if row.group == group]
        guess = _guess_group(rows, ram, mean, S)
        for position, row in enumerate(rows):
            if row.free:
                total[row.free - 1] += guess[position]
                count[row.free - 1] += 1.0
                if math.isfinite(row.start):
                    given[row.free - 1] = row.start
    average = total / np.maximum(count, 1.0)
    return np.where(np.isnan(given), average, given)


def _guess_group(rows: list[Row], ram: Ram, mean: Array, S: Array) -> Array:
    """A value for every row of one group."""
    value = ram.fixed.copy()
    p = ram.p
    loading = np.array([row.op == "=~" for row in rows], dtype=np.bool_)
    is_free = ram.free >= 0
    variance = np.concatenate([np.diag(S), np.ones(ram.m - p)])
    explained = np.zeros(ram.m)
    _guess_loadings(ram, S, loading, value, variance, explained)
    slopes = np.zeros((ram.m, ram.m))
    paths = (ram.part == Part.A) & ~loading
    instruments = np.setdiff1d(np.arange(p), np.concatenate([ram.row[paths], ram.row[loading]]))
    is_entangled = _find_entangled(ram, paths)
    for outcome in np.unique(ram.row[paths]):
        cells = np.flatnonzero(paths & (ram.row == outcome))
        seen = cells[(ram.column[cells] < p) & is_free[cells]] if outcome < p else cells[:0]
        told = cells[~is_free[cells] & (ram.column[cells] < p)] if outcome < p else cells[:0]
        if len(seen):
            x = ram.column[seen]
            right = S[:, outcome] - S[:, ram.column[told]] @ value[told]
            value[seen] = _solve_equation(S, x, right, instruments if is_entangled[outcome] else x)
        slopes[outcome, ram.column[cells]] = value[cells]
        if outcome < p and not loading[ram.row == outcome].any():
            weights = slopes[outcome, :p]
            rest = S[outcome, outcome] - 2.0 * weights @ S[outcome] + weights @ S @ weights
            explained[outcome] = S[outcome, outcome] - max(rest, 0.05 * S[outcome, outcome])
    for cell in np.flatnonzero((ram.part == Part.S) & is_free):
        i, j = ram.row[cell], ram.column[cell]
        if i == j:
            value[cell] = max(variance[i] - explained[i], 0.05 * variance[i])
        elif i < p and j < p and is_entangled[i] and is_entangled[j]:
            value[cell] = _residual(slopes, i, p) @ S @ _residual(slopes, j, p)
        elif i < p and j < p and not (ram.row[paths] == i).any() and not (ram.row[paths] == j).any():
            is_indicator = (ram.row[loading] == i).any() or (ram.row[loading] == j).any()
            value[cell] = 0.0 if is_indicator else S[i, j]
        else:
            value[cell] = 0.0
    for cell in np.flatnonzero((ram.part == Part.M) & is_free):
        i = ram.row[cell]
        value[cell] = mean[i] - slopes[i, :p] @ mean if i < p else 0.0
    return value


def _find_entangled(ram: Ram, paths: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Variables that stand in a loop of paths, or whose residual covaries with that of one of their causes."""
    reach = np.zeros((ram.m, ram.m), dtype=np.bool_)
    reach[ram.row[paths], ram.column[paths]] = True
    for through in range(ram.m):
        reach |= reach[:, through, None] & reach[None, through]
    joint = np.zeros_like(reach)
    residual = (ram.part == Part.S) & (ram.row != ram.column) & (ram.free >= 0)
    joint[ram.row[residual], ram.column[residual]] = True
    joint |= joint.T
    tied = joint & (reach | reach.T)
    return np.asarray(np.diag(reach) | tied.any(axis=1), dtype=np.bool_)


def _residual(slopes: Array, outcome: int, p: int) -> Array:
    """Weights (p,) that make an outcome's residual out of the observed variables."""
    weights = -slopes[outcome, :p]
    weights[outcome] += 1.0
    return weights


def _solve_equation(S: Array, x: Index, right: Array, instruments: Index) -> Array:
    """Slopes on x: two-stage least squares with the instruments, or least squares where they are x or too few.

    right  (p,) covariances of all variables with the outcome, less what is fixed
    """
    if len(instruments) < len(x) or instruments is x:
        try:
            return np.asarray(np.linalg.solve(S[np.ix_(x, x)], right[x]))
        except np.linalg.LinAlgError:
            return np.asarray(np.linalg.lstsq(S[np.ix_(x, x)], right[x], rcond=None)[0])
    first = S[np.ix_(instruments, x)]
    projected = first.T @ np.linalg.pinv(S[np.ix_(instruments, instruments)], hermitian=True)
    return np.asarray(np.linalg.lstsq(projected @ first, projected @ right[instruments], rcond=None)[0])


def _guess_loadings(
    ram: Ram, S: Array, loading: NDArray[np.bool_], value: Array, variance: Array, explained: Array
) -> None:
    """Loadings by instrumental ratios (Hagglund 1982, Psychometrika 47, 209-222, second method), in place."""
    p = ram.p
    is_free = ram.free >= 0
    for latent in range(p, ram.m):
        cells = np.flatnonzero(loading & (ram.column == latent))
        seen = cells[ram.row[cells] < p]
        value[cells[is_free[cells]]] = 1.0
        if not len(seen):
            continue
        lead = next((c for c in seen if not is_free[c] and value[c] != 0.0), seen[0])
        marker, unit = ram.row[lead], value[lead]
        raw: dict[int, float] = {}
        for cell in seen:
            item = ram.row[cell]
            others = [ram.row[c] for c in seen if ram.row[c] not in (marker, item)]
            s_marker = S[marker, others]
            strength = float(s_marker @ s_marker)
            ratio = float(s_marker @ S[item, others]) / strength if strength > 0.0 else math.nan
            if item == marker:
                ratio = 1.0
            limit = math.sqrt(S[item, item] / S[marker, marker])
            if not math.isfinite(ratio) or abs(ratio) > 5.0 * limit or abs(ratio) < 0.02 * limit:
                ratio = math.copysign(limit, S[item, marker])
            raw[int(cell)] = ratio
        shares = [S[ram.row[c], marker] / raw[int(c)] for c in seen if ram.row[c] != marker and raw[int(c)]]
        common = float(np.median(shares)) if shares else 0.9 * float(S[marker, marker])
        common = min(max(common, 0.1 * float(S[marker, marker])), 0.9 * float(S[marker, marker]))
        fixed_variance = [
            c
            for c in range(len(value))
            if ram.part[c] == Part.S and ram.row[c] == ram.column[c] == latent and not is_free[c]
        ]
        if is_free[lead] and fixed_variance and value[fixed_variance[0]] > 0.0:
            unit = math.sqrt(common / value[fixed_variance[0]])
        for cell in seen:
            if is_free[cell]:
                value[cell] = raw[int(cell)] * unit
            explained[ram.row[cell]] += min(raw[int(cell)] ** 2 * common, 0.8 * float(S[ram.row[cell], ram.row[cell]]))
        variance[latent] = common / unit**2 if unit else common
