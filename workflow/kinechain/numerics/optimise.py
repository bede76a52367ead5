"""A smooth function brought to its minimum, under constraints, by Newton steps that never go uphill.

Far from the minimum the step uses an approximation of the curvature that is always positive (Fisher scoring); near it
the exact curvature, so that the last steps are quadratic and the end is the optimum to rounding. Constraints enter the
step as in sequential quadratic programming: Nocedal & Wright (2006), Numerical Optimization, 2nd ed., chapter 18.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from kinechain.numerics import Array

SHORTEST = 1e-10
"""Share of a step below which shortening it further is rounding."""
TRIALS = 2000
"""Points tried before giving up: a search that shortens nearly every step is going nowhere."""
STEPS = 500
"""Steps before giving up: models that converge do so in a few dozen."""
ROUNDING = 1e-20
"""Squared Newton decrement below which another step only moves rounding."""
CLOSE = 1e-10
"""Squared Newton decrement (in units of one person's information) that ends the search; see `minimise`."""


@dataclass(frozen=True, slots=True)
class Slope:
    """A function at a point: value, gradient (k,) and curvature (k, k)."""

    value: float
    gradient: Array
    curvature: Array


class Objective(Protocol):
    """What is minimised. Both functions raise numpy.linalg.LinAlgError outside the function's domain."""

    def value(self, theta: Array) -> float:
        """The function."""

    def slope(self, theta: Array, *, exact: bool) -> Slope:
        """The function with its derivatives; curvature exact, or positive semi-definite."""


@dataclass(frozen=True, slots=True)
class Constraints:
    """Functions of the parameters that must be zero, and functions that must not be negative.

    equal   theta -> (c,), (c, k)   values and their derivatives
    above   theta -> (d,), (d, k)
    """

    equal: Callable[[Array], tuple[Array, Array]]
    above: Callable[[Array], tuple[Array, Array]]


def no_constraints(k: int) -> Constraints:
    """The free problem of k parameters."""

    def nothing(_: Array) -> tuple[Array, Array]:
        return np.zeros(0), np.zeros((0, k))

    return Constraints(nothing, nothing)


@dataclass(frozen=True, slots=True)
class Optimum:
    """Where the search ended.

    theta          (k,)
    converged      whether it ended at a minimum
    steps          steps taken
    gradient_norm  largest entry of the projected gradient, each in units of its own curvature's root
    active         (a, k) derivatives of the constraints that hold with equality there
    """

    theta: Array
    converged: bool
    steps: int
    gradient_norm: float
    active: Array


def minimise(
    objective: Objective, start: Array, constraints: Constraints | None = None, weight: float = 1.0
) -> Optimum:
    """Bring `objective` to a minimum from `start`.

    weight  factor that turns the objective into a log-likelihood (the number of people, if it is a mean): the search
            ends when the squared Newton decrement times `weight` is below CLOSE, which is a distance to the optimum of
            1e-5 of a standard error before a last, quadratic step.
    """
    k = len(start)
    limits = constraints or no_constraints(k)
    theta = make_feasible(start.copy(), limits)
    penalty = 0.0
    damping = 0.0
    norm = np.inf
    near = False
    trials = 0.0
    for step_number in range(STEPS):
        try:
            slope = objective.slope(theta, exact=near)
        except np.linalg.LinAlgError:  # where the constraints hold, the function does not exist
            return Optimum(theta, False, step_number, norm, np.zeros((0, k)))
        curvature = slope.curvature
        if near and not _is_positive(curvature, limits.equal(theta)[1]):
            slope = objective.slope(theta, exact=False)
            curvature = slope.curvature
        if damping:
            curvature = curvature + damping * np.diag(np.diag(curvature) + 1e-12)
        step, multipliers, active = _solve_step(curvature, slope.gradient, theta, limits)
        if not np.isfinite(step).all():
            damping = max(10.0 * damping, 1e-6)
            if damping > 1e6:
                return Optimum(theta, False, step_number, norm, active)
            continue
        broken = _infeasibility(theta, limits)
        decrement = float(step @ curvature @ step) * weight
        scale = np.sqrt(np.maximum(np.diag(slope.curvature), 1e-300))
        norm = float(np.max(np.abs((slope.gradient - multipliers @ active) / scale), initial=0.0))
        if decrement < ROUNDING and broken < 1e-12 and not damping:
            return Optimum(theta, True, step_number, norm, active)
        if decrement < CLOSE and broken < 1e-9 and not damping:
            last = theta + step
            try:
                if objective.value(last) <= slope.value + 1e-12 * max(1.0, abs(slope.value)):
                    theta = last
            except np.linalg.LinAlgError:
                pass
            return Optimum(theta, True, step_number, norm, active)
        near = decrement < 0.5 * max(1.0, k) and broken < 1e-3
        penalty = max(penalty, 2.0 * float(np.max(np.abs(multipliers), initial=0.0)))
        moved, length = _search_line(objective, theta, step, slope, limits, penalty, weight)
        trials += 1.0 - float(np.log2(length or SHORTEST))
        if trials > TRIALS:
            return Optimum(theta, False, step_number, norm, active)
        if moved is None:
            damping = max(10.0 * damping, 1e-6)
            near = False
            if damping > 1e6:
                return Optimum(theta, False, step_number, norm, active)
        else:
            theta = moved
            damping = damping / 10.0 if damping > 1e-6 and length == 1.0 else (damping if length < 1.0 else 0.0)
    return Optimum(theta, False, STEPS, norm, np.zeros((0, k)))


def _is_positive(curvature: Array, active: Array) -> bool:
    """Whether the curvature is positive definite along the directions the constraints leave open."""
    if len(active):
        curvature = curvature + np.trace(np.abs(curvature)) * active.T @ active
    try:
        np.linalg.cholesky(curvature)
    except np.linalg.LinAlgError:
        return False
    return True


def _infeasibility(theta: Array, limits: Constraints) -> float:
    equal, above = limits.equal(theta)[0], limits.above(theta)[0]
    return float(np.abs(equal).sum() + np.maximum(-above, 0.0).sum())


def make_feasible(theta: Array, limits: Constraints) -> Array:
    """The nearest point, by repeated projection, where the constraints hold (or as near as that comes)."""
    for _ in range(50):
        equal, by_equal = limits.equal(theta)
        above, by_above = limits.above(theta)
        broken = above < 0.0
        value = np.concatenate([equal, above[broken]])
        if not len(value) or np.abs(value).max() < 1e-12:
            break
        jacobian = np.concatenate([by_equal, by_above[broken]])
        if not (np.isfinite(value).all() and np.isfinite(jacobian).all()):
            break
        theta = theta - np.linalg.pinv(jacobian) @ value
    return theta


def _solve_step(curvature: Array, gradient: Array, theta: Array, limits: Constraints) -> tuple[Array, Array, Array]:
    """The step to the minimum of the quadratic model under the linearised constraints.

    returns  step (k,), multipliers (a,), derivatives (a, k) of the constraints that hold with equality
    """
    equal, by_equal = limits.equal(theta)
    above, by_above = limits.above(theta)
    if not len(equal) and not len(above):
        return *_solve_bordered(curvature, by_equal, -gradient, equal), by_equal
    working = [int(index) for index in np.flatnonzero(above < 0.0)]
    step, multipliers, active = np.zeros_like(theta), np.zeros(0), np.zeros((0, len(theta)))
    for _ in range(10 + 5 * len(above)):
        active = np.concatenate([by_equal, by_above[working]])
        value = np.concatenate([equal, above[working]])
        step, multipliers = _solve_bordered(curvature, active, -gradient, -value)
        inequality = multipliers[len(equal) :]
        reach = above + by_above @ step
        broken = [
            int(index) for index in np.flatnonzero(reach < -1e-12 * (1.0 + np.abs(above))) if index not in working
        ]
        wrong = np.flatnonzero(inequality < 0.0)
        if broken:
            working.append(min(broken, key=lambda index: float(reach[index])))
        elif len(wrong):
            del working[int(wrong[np.argmin(inequality[wrong])])]
        else:
            break
    return step, multipliers, active


def _solve_bordered(curvature: Array, active: Array, right: Array, value: Array) -> tuple[Array, Array]:
    """Solve [H C'; C 0] [step; -multipliers] = [right; value], scaled to be well conditioned."""
    k, a = len(curvature), len(active)
    scale = 1.0 / np.sqrt(np.maximum(np.abs(np.diag(curvature)), 1e-300))
    scale = np.where(np.isfinite(scale) & (scale < 1e140), scale, 1.0)
    H = curvature * scale * scale[:, None]
    if not np.isfinite(H).all() or not np.isfinite(right).all() or not np.isfinite(active).all():
        return np.full(k, np.nan), np.zeros(a)
    if not a:
        try:
            solution = np.linalg.solve(H, right * scale)
        except np.linalg.LinAlgError:
            solution = np.linalg.lstsq(H, right * scale, rcond=1e-12)[0]
        return solution * scale, np.zeros(0)
    C = active * scale
    heights = np.maximum(np.abs(C).max(axis=1), 1e-300)
    C = C / heights[:, None]
    full = np.block([[H, C.T], [C, np.zeros((a, a))]])
    both = np.concatenate([right * scale, value / heights])
    solution = np.linalg.lstsq(full, both, rcond=1e-13)[0]
    return solution[:k] * scale, -solution[k:] / heights


def _search_line(
    objective: Objective, theta: Array, step: Array, slope: Slope, limits: Constraints, penalty: float, weight: float
) -> tuple[Array | None, float]:
    """The longest of ever shorter steps that brings the function (and the broken constraints) down enough."""
    broken = _infeasibility(theta, limits)
    here = slope.value + penalty * broken
    promise = float(slope.gradient @ step) - penalty * broken
    rounding = 1e-13 * max(1.0, abs(slope.value)) + 1e-16 / max(weight, 1.0)
    length = 1.0
    while length > SHORTEST:
        there = theta + length * step
        try:
            value = objective.value(there) + penalty * _infeasibility(there, limits)
        except np.linalg.LinAlgError:
            value = np.inf
        if np.isfinite(value) and value <= here + 1e-4 * length * min(promise, 0.0) + rounding:
            return there, length
        length *= 0.5
    return None, 0.0
