"""Recursive path models in every draw at once: regressions read off one elimination, draws last.

With uncorrelated residuals maximum likelihood is least squares equation by equation, so moments are all it takes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from kinechain.numerics import Array

SINGULAR = 1e-10
"""Share of a regressor's variance (its own in the draw, and that in the sample) that must be left when earlier
regressors are accounted for; below, the draw has failed."""


@dataclass(frozen=True, slots=True)
class Equations:
    """The regressions of a recursive model, in causal order.

    p           variables
    outcomes    (e,)  variable each equation explains; each comes after its regressors
    regressors  for each equation, the variables it regresses on, in the order of its coefficients
    joint       pairs of outcomes whose residuals covary freely; both regress on the same variables, so that least
                squares is still maximum likelihood (Zellner 1962, JASA 57, section 4)
    """

    p: int
    outcomes: tuple[int, ...]
    regressors: tuple[tuple[int, ...], ...]
    joint: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class RegressionDraws:
    """Coefficients of every equation in every draw.

    paths     (p, p, D)  paths[i, j] goes from j to i
    residual  (p, D)     residual variance of outcomes (divisor n); variance of the others
    joint     (j, D)     residual covariances of the pairs of `Equations.joint`
    failed    (D,)       draws in which a regressor was constant or explained by the others: NaN above
    """

    paths: Array
    residual: Array
    joint: Array
    failed: NDArray[np.bool_]


def elimination_orders(equations: Equations) -> list[tuple[list[int], list[int]]]:
    """Equations sorted into chains of nested regressor sets, one elimination a chain.

    returns  for each chain: the order of elimination, and the numbers of its equations from the smallest set to the
             largest. The model with every forward arrow is one chain.
    """
    by_size = sorted(range(len(equations.outcomes)), key=lambda e: (len(equations.regressors[e]), e))
    chains: list[tuple[list[int], list[int]]] = []
    for e in by_size:
        wanted = equations.regressors[e]
        for order, members in chains:
            if set(order) <= set(wanted):
                order.extend(v for v in wanted if v not in order)
                members.append(e)
                break
        else:
            chains.append((list(wanted), [e]))
    return chains


def regress(covariance: Array, equations: Equations) -> RegressionDraws:
    """Least squares of every equation in every draw.

    covariance  (p, p, D)  of variables scaled to have variance 1 in the sample
    """
    p, draws = equations.p, covariance.shape[-1]
    paths = np.zeros((p, p, draws))
    residual = np.array([covariance[v, v] for v in range(p)])
    joint = np.empty((len(equations.joint), draws))
    failed = ~np.isfinite(residual).all(axis=0)
    for order, members in elimination_orders(equations):
        _eliminate(covariance, equations, (order, members), into=RegressionDraws(paths, residual, joint, failed))
    failed |= ~(residual > SINGULAR).all(axis=0)
    paths[:, :, failed] = np.nan
    residual[:, failed] = np.nan
    of_outcome = dict(zip(equations.outcomes, equations.regressors, strict=True))
    for k, (first, second) in enumerate(equations.joint):
        joint[k] = covariance[first, second]
        for x in of_outcome[first]:
            joint[k] -= paths[first, x] * covariance[x, second]
    return RegressionDraws(paths, residual, joint, failed)


def _eliminate(
    covariance: Array, equations: Equations, chain: tuple[list[int], list[int]], *, into: RegressionDraws
) -> None:
    """Gauss-Jordan steps down one chain; each equation is read once its regressors have been eliminated.

    Below the pivots already used, row i of M holds the coefficients of variable i on them (left) and, from its own
    variance on, its covariances given them (right); what lies between is never looked at, nor are rows of used pivots.
    """
    order, members = chain
    rows = order + sorted({equations.outcomes[e] for e in members} - set(order))
    place = {variable: k for k, variable in enumerate(rows)}
    M = covariance[np.ix_(rows, rows)]
    step = np.empty_like(M[0])
    waiting = list(members)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        for k in range(len(order) + 1):
            while waiting and len(equations.regressors[waiting[0]]) == k:
                e = waiting.pop(0)
                y = place[equations.outcomes[e]]
                for x in equations.regressors[e]:
                    into.paths[rows[y], x] = M[y, place[x]]
                into.residual[rows[y]] = M[y, y]
            if k == len(order):
                return
            into.failed[...] |= ~(M[k, k] > SINGULAR * np.maximum(covariance[rows[k], rows[k]], 1.0))
            slope = M[k, k + 1 :] / M[k, k]
            for i in range(k + 1, len(rows)):
                for part in (slice(0, k), slice(i, None)):
                    M[i, part] -= np.multiply(M[k, part], slope[i - k - 1], out=step[part])
                M[i, k] = slope[i - k - 1]


def implied_covariance(covariance: Array, draws: RegressionDraws, equations: Equations) -> Array:
    """Covariances of all variables under the model, in every draw.

    returns  (p, p, D); `covariance` itself when the model reproduces it

    Variables that no equation explains keep their sample covariances. Where the model reproduces the sample (everywhere
    for a model with all forward arrows) the sample's value is the answer and nothing is computed.
    """
    joint = {frozenset(pair): draws.joint[k] for k, pair in enumerate(equations.joint)}
    of_outcome = dict(zip(equations.outcomes, equations.regressors, strict=True))
    Sigma = covariance
    for y, v in not_reproduced(equations):
        if Sigma is covariance:
            Sigma = covariance.copy()
        value = draws.residual[y].copy() if v == y else np.zeros(covariance.shape[-1])
        for r in of_outcome[y]:
            value += draws.paths[y, r] * Sigma[r, v]
        if v != y and frozenset((y, v)) in joint:
            value += joint[frozenset((y, v))]
        Sigma[y, v] = Sigma[v, y] = value
    return Sigma


@lru_cache(maxsize=256)
def not_reproduced(equations: Equations) -> tuple[tuple[int, int], ...]:
    """Pairs (outcome, variable) whose sample covariance the model does not reproduce, in the order to compute them.

    It reproduces the covariance of an outcome with its regressors, and its variance, where it reproduces theirs.
    """
    known = [v for v in range(equations.p) if v not in equations.outcomes]
    exact = {(a, b) for a in known for b in known}
    joint = {frozenset(pair) for pair in equations.joint}
    found = []
    for y, regressors in zip(equations.outcomes, equations.regressors, strict=True):
        for v in (*known, y):
            needed = [(r, v) for r in regressors] if v != y else [(r, q) for r in regressors for q in regressors]
            is_reproduced = v == y or v in regressors or frozenset((y, v)) in joint
            if is_reproduced and all(pair in exact for pair in needed):
                exact |= {(y, v), (v, y)}
            else:
                found.append((y, v))
        known.append(y)
    return tuple(found)


def total_effects(paths: Array, equations: Equations, sources: tuple[int, ...]) -> Array:
    """Sum over all directed paths between variables: (I - A)^-1 - I, by forward substitution.

    paths    (p, p, D)  paths[i, j] goes from j to i
    sources  variables whose effects are wanted
    returns  (p, s, D)  entry [i, k]: total effect of sources[k] on i
    """
    total = np.zeros((equations.p, len(sources), paths.shape[2]))
    for y, regressors in zip(equations.outcomes, equations.regressors, strict=True):
        for x in regressors:
            total[y] += paths[y, x] * total[x]
            if x in sources:
                total[y, sources.index(x)] += paths[y, x]
    return total
