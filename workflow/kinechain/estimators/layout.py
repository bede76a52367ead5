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
from kinechain.parameter_table import ParameterTable

PARTS = {"=~": Part.A, "~": Part.A, "~~": Part.S, "~1": Part.M, "|": Part.TAU, "~*~": Part.DELTA}


def lay_out(table: ParameterTable, moments: tuple[tuple[Array, Array], ...]) -> tuple[Ram, ...]:
    """One `Ram` a group, whose cells are the group's rows in order.

    moments  (mean (p,), covariance (p, p)) of the observed variables of each group: exogenous rows take their values
    """
    layouts = []
    known = table.remember("layouts", lambda: _lay_out_rows(table))
    for (ram, given), (mean, covariance) in zip(known, moments, strict=True):
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
    return table.remember("constraints", lambda: _read_constraints(table))


def _read_constraints(table: ParameterTable) -> Constraints | None:
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


@dataclass(frozen=True, slots=True)
class _Equation:
    """One outcome: where its paths stand, and what is solved for.

    outcome      its position
    cells        (c,) its cells, paths and loadings of others left out
    sources      (c,) what stands at their other end
    seen         (s,) free cells whose source is observed; `x` are those sources
    told         (t,) fixed cells whose source is observed; `given` are those sources
    instruments  what the slopes are solved with: `x` itself, or the variables nothing points at
    """

    outcome: int
    cells: Index
    sources: Index
    seen: Index
    x: Index
    told: Index
    given: Index
    instruments: Index


@dataclass(frozen=True, slots=True)
class _Plan:
    """What guessing needs to know about the rows of one group, whatever the data.

    places     free positions of the free rows; `free` are those rows
    given      (k,) starting values the user wrote, NaN elsewhere
    loading    (c,) whether a cell is a loading
    equations  in the order of their outcomes
    plain      outcomes that are observed and no indicators
    variances, means  free cells
    moments    free covariance cells of two observed variables nothing points at
    entangled  those of two variables whose equations cannot be told apart by least squares
    """

    free: Index
    places: Index
    given: Array
    loading: NDArray[np.bool_]
    equations: tuple[_Equation, ...]
    plain: Index
    variances: Index
    moments: Index
    entangled: Index
    means: Index


def start_values(table: ParameterTable, rams: tuple[Ram, ...], moments: tuple[tuple[Array, Array], ...]) -> Array:
    """Where the search starts: equation-wise least squares, which for a recursive model of observed variables with
    uncorrelated residuals is already the maximum-likelihood solution; simple guesses for what hangs on latents.

    moments  (mean (p,), covariance (p, p)) of each group
    """
    plans = table.remember(
        "guesses", lambda: tuple(_plan_group(table, group, ram) for group, ram in enumerate(rams, 1))
    )
    total, count = np.zeros(table.n_free), np.zeros(table.n_free)
    given = np.full(table.n_free, math.nan)
    for plan, ram, (mean, S) in zip(plans, rams, moments, strict=True):
        np.add.at(total, plan.places, _guess_group(plan, ram, mean, S)[plan.free])
        np.add.at(count, plan.places, 1.0)
        given = np.where(np.isnan(plan.given), given, plan.given)
    average = total / np.maximum(count, 1.0)
    return np.where(np.isnan(given), average, given)


def _plan_group(table: ParameterTable, group: int, ram: Ram) -> _Plan:
    rows = [row for row in table.rows if row.group == group]
    p = ram.p
    loading = np.array([row.op == "=~" for row in rows], dtype=np.bool_)
    is_free = ram.free >= 0
    paths = (ram.part == Part.A) & ~loading
    reached, indicators = np.unique(ram.row[paths]), np.unique(ram.row[loading])
    instruments = np.setdiff1d(np.arange(p), np.concatenate([reached, indicators]))
    is_entangled = _find_entangled(ram, paths)
    equations = []
    for outcome in reached:
        cells = np.flatnonzero(paths & (ram.row == outcome))
        inner = cells[ram.column[cells] < p] if outcome < p else cells[:0]
        seen, told = inner[is_free[inner]], inner[~is_free[inner]]
        x = ram.column[seen]
        chosen = instruments if is_entangled[outcome] else x
        equations.append(_Equation(int(outcome), cells, ram.column[cells], seen, x, told, ram.column[told], chosen))
    cells = np.flatnonzero((ram.part == Part.S) & is_free)
    i, j = ram.row[cells], ram.column[cells]
    is_pair = (i != j) & (i < p) & (j < p)
    entangled = is_pair & is_entangled[i] & is_entangled[j]
    is_alone = ~np.isin(i, [*reached, *indicators]) & ~np.isin(j, [*reached, *indicators])
    given = np.full(table.n_free, math.nan)
    for row in rows:
        if row.free and math.isfinite(row.start):
            given[row.free - 1] = row.start
    free = np.flatnonzero(is_free)
    return _Plan(
        free,
        ram.free[free],
        given,
        loading,
        tuple(equations),
        np.setdiff1d(reached[reached < p], indicators),
        cells[i == j],
        cells[is_pair & is_alone & ~entangled],
        cells[entangled],
        np.flatnonzero((ram.part == Part.M) & is_free),
    )


def _guess_group(plan: _Plan, ram: Ram, mean: Array, S: Array) -> Array:
    """A value for every row of one group."""
    value = ram.fixed.copy()
    value[ram.free >= 0] = 0.0
    p = ram.p
    variance = np.ones(ram.m)
    variance[:p] = S.diagonal()
    explained = np.zeros(ram.m)
    if plan.loading.any():
        _guess_loadings(ram, S, plan.loading, value, variance, explained)
    slopes = np.zeros((ram.m, ram.m))
    for equation in plan.equations:
        if len(equation.seen):
            right = S[:, equation.outcome]
            if len(equation.told):
                right = right - S[:, equation.given] @ value[equation.told]
            value[equation.seen] = _solve_equation(S, equation.x, right, equation.instruments)
        slopes[equation.outcome, equation.sources] = value[equation.cells]
    weights = slopes[plan.plain, :p]
    total = variance[plan.plain]
    rest = total - (weights * (2.0 * S[plan.plain] - weights @ S)).sum(axis=1)
    explained[plan.plain] = total - np.maximum(rest, 0.05 * total)
    of = ram.row[plan.variances]
    value[plan.variances] = np.maximum(variance[of] - explained[of], 0.05 * variance[of])
    value[plan.moments] = S[ram.row[plan.moments], ram.column[plan.moments]]
    for cell in plan.entangled:
        value[cell] = _residual(slopes, ram.row[cell], p) @ S @ _residual(slopes, ram.column[cell], p)
    of = ram.row[plan.means]
    value[plan.means] = np.where(of < p, mean[np.minimum(of, p - 1)] - slopes[of, :p] @ mean, 0.0)
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
        square = S[x[:, None], x]
        try:
            return np.asarray(np.linalg.solve(square, right[x]))
        except np.linalg.LinAlgError:
            return np.asarray(np.linalg.lstsq(square, right[x], rcond=None)[0])
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
