"""Whether any values of the parameters fulfil all constraints of a model, before anything is searched for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from kinechain.errors import Problem, UserError
from kinechain.estimators.layout import read_constraints
from kinechain.numerics import Array
from kinechain.numerics.optimise import Constraints, make_feasible
from kinechain.parameter_table import ParameterTable
from kinechain.spec import ModelSpec

MET = 1e-7
"""Distance from a constraint, in units of what stands in it, at which it counts as met."""
POINTS = 20
"""Points from which values are sought that meet constraints which are not linear."""


def settle_constraints(spec: ModelSpec, table: ParameterTable) -> Constraints | None:
    """The constraints of a table; None when it has none. Raises UserError where they exclude one another."""
    constraints = read_constraints(table)
    if constraints is not None and not table.remember("is_feasible", lambda: _is_feasible(table)):
        raise UserError(_contradiction(spec, table))
    return constraints


def _contradiction(spec: ModelSpec, table: ParameterTable) -> Problem:
    """The constraints of a smallest set that cannot hold together."""
    if not _is_feasible(replace(table, constraints=())):
        return Problem(spec.where, "a lower bound lies above an upper bound", "Correct lower() and upper()")
    kept = list(table.constraints)
    for row in table.constraints:
        without = [other for other in kept if other is not row]
        if not _is_feasible(replace(table, constraints=tuple(without))):
            kept = without
    texts = " and ".join(f"`{row.lhs} {row.op} {row.rhs}`" for row in kept)
    place = f"{spec.where}:{kept[-1].line}" if kept[-1].line else spec.where
    what = f"{texts} cannot hold together" if len(kept) > 1 else f"{texts} cannot be fulfilled"
    left = read_constraints(replace(table, constraints=tuple(kept)))
    if left is not None and not _is_linear(left, table.n_free):
        what = f"no values were found that fulfil {texts}"
    return Problem(place, what, "Correct or leave out one of them" if len(kept) > 1 else "Correct it, or leave it out")


def _is_feasible(table: ParameterTable) -> bool:
    constraints = read_constraints(table)
    if constraints is None:
        return True
    k = table.n_free
    if _is_linear(constraints, k):
        return _meets_linear(constraints, np.ones(k))
    rng = np.random.default_rng(0)
    points = [np.zeros(k), *(rng.normal(0.0, scale, k) for scale in (0.3, 1.0, 3.0, 10.0) for _ in range(POINTS // 4))]
    return any(_can_meet(constraints, point) for point in points)


def _can_meet(constraints: Constraints, start: Array) -> bool:
    """Whether values that fulfil the constraints are found from a start; where they have no value, none are."""
    try:
        return _meets(constraints, make_feasible(start, constraints))
    except (ArithmeticError, np.linalg.LinAlgError):
        return False


def _is_linear(constraints: Constraints, k: int) -> bool:
    here, there = np.random.default_rng(0).uniform(0.5, 1.5, (2, k))
    pairs = ((take(here)[1], take(there)[1]) for take in (constraints.equal, constraints.above))
    return all(bool(np.array_equal(a, b)) for a, b in pairs)


def _meets_linear(constraints: Constraints, at: Array) -> bool:
    """By linear programming: no objective, only the constraints."""
    from scipy.optimize import linprog

    equal, by_equal = constraints.equal(at)
    above, by_above = constraints.above(at)
    found = linprog(
        np.zeros(len(at)),
        A_ub=-by_above if len(above) else None,
        b_ub=above - by_above @ at if len(above) else None,
        A_eq=by_equal if len(equal) else None,
        b_eq=by_equal @ at - equal if len(equal) else None,
        bounds=(None, None),
    )
    return bool(found.status == 0)


def _meets(constraints: Constraints, theta: Array) -> bool:
    if not np.isfinite(theta).all():
        return False
    equal, above = constraints.equal(theta)[0], constraints.above(theta)[0]
    gap = np.concatenate([np.abs(equal), np.maximum(-above, 0.0)])
    return bool(np.isfinite(gap).all() and (gap <= MET * (1.0 + np.abs(theta).max(initial=0.0))).all())
