"""The normal linear model for repeated measures with an unstructured covariance of the visits, some of them missing.

Y_i = X_i beta + e_i, e_i ~ N(0, Sigma), with Sigma (V, V) free. Missing visits are left out of the likelihood: valid
when they are missing at random given what was seen. Everything an iteration needs is a sum over the people of one
missing pattern, so that its cost does not grow with their number.

Laird & Ware (1982), Biometrics 38, 963-974, for the model and EM; Liang & Zeger (2000), Sankhya B 62, 134-148, for the
common baseline mean; Kenward & Molenberghs (1998), Statistical Science 13, 236-247, for why the information must be the
observed one when visits are missing at random.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from kinechain.numerics import Array

Method = Literal["ml", "reml"]
Information = Literal["observed", "expected"]
MAX_STEPS = 2000
STEP_TOLERANCE = 1e-10
"""Largest change of Sigma in one step, in units of its standard deviations, at which the iteration stops."""


@dataclass(frozen=True, slots=True)
class RepeatedFit:
    """Estimates of the repeated-measures model; everything is NaN when it did not converge.

    beta        (q,)    mean parameters, in units of Y over units of X
    covariance  (q, q)  of beta, from the observed information (or the expected one, when asked for)
    Sigma       (V, V)  covariance of the visits given X
    logl        log-likelihood, constants included (the restricted one for REML)
    n           people with at least one visit
    n_values    values used
    steps       iterations
    converged   whether the last step was small
    method      ml or reml
    """

    beta: Array
    covariance: Array
    Sigma: Array
    logl: float
    n: int
    n_values: int
    steps: int
    converged: bool
    method: Method


@dataclass(frozen=True, slots=True)
class _Pattern:
    """Sums over the people who share one set of seen visits.

    seen  (m,)          positions of the visits; hidden the others
    block, across, under  index of Sigma for seen x seen, seen x hidden, hidden x hidden
    n     people
    xx    (m m, q q)    sum of x_a x_b', visits and coefficients each in one dimension
    xy    (m, m, q)     sum of x_a y_b
    yy    (m, m)        sum of y_a y_b
    """

    seen: NDArray[np.intp]
    hidden: NDArray[np.intp]
    block: tuple[NDArray[np.intp], ...]
    across: tuple[NDArray[np.intp], ...]
    under: tuple[NDArray[np.intp], ...]
    n: int
    xx: Array
    xy: Array
    yy: Array


def fit_repeated(Y: Array, X: Array, *, method: Method = "reml", information: Information = "observed") -> RepeatedFit:
    """Fit the model by maximum or restricted maximum likelihood.

    Y  (n, V)     one row a person, NaN where a visit is missing; people without any visit are left out
    X  (n, V, q)  design, no missing values
    Raises numpy.linalg.LinAlgError when the means or the covariance of the visits are not determined by the data.
    """
    patterns = _patterns(Y, X)
    V, q = Y.shape[1], X.shape[2]
    n = sum(pattern.n for pattern in patterns)
    n_values = sum(pattern.n * len(pattern.seen) for pattern in patterns)
    Sigma = _start(Y, X)
    converged, steps = False, 0
    beta, C = _solve_means(patterns, Sigma, q)
    for steps in range(1, MAX_STEPS + 1):  # noqa: B007 -- the number of steps is part of the result
        new = _update(patterns, Sigma, beta, C if method == "reml" else None)
        scale = np.sqrt(np.diag(new))
        change = float(np.max(np.abs(new - Sigma) / np.outer(scale, scale)))
        Sigma = new
        beta, C = _solve_means(patterns, Sigma, q)
        if change < STEP_TOLERANCE:
            converged = True
            break
    if not converged:
        empty = np.full((q, q), np.nan)
        return RepeatedFit(empty[0], empty, np.full((V, V), np.nan), math.nan, n, n_values, steps, False, method)
    covariance = C if information == "expected" else _observed_covariance(patterns, Sigma, beta, C)
    logl = _log_likelihood(patterns, Sigma, beta)
    if method == "reml":
        logl += 0.5 * (q * math.log(2 * math.pi) + float(np.linalg.slogdet(C)[1]))
    return RepeatedFit(beta, covariance, Sigma, logl, n, n_values, steps, True, method)


def _patterns(Y: Array, X: Array) -> list[_Pattern]:
    is_seen = ~np.isnan(Y)
    kinds, member = np.unique(is_seen, axis=0, return_inverse=True)
    found = []
    for k, kind in enumerate(kinds):
        seen = np.flatnonzero(kind)
        if not len(seen):
            continue
        people = member.ravel() == k
        y, x = Y[people][:, seen], X[people][:, seen]
        flat = x.reshape(len(x), -1)
        m, q = len(seen), X.shape[2]
        xx = (flat.T @ flat).reshape(m, q, m, q).transpose(0, 2, 1, 3).reshape(m * m, q * q)
        xy = (flat.T @ y).reshape(m, q, m).transpose(0, 2, 1)
        hidden = np.flatnonzero(~kind)
        at = np.ix_(seen, seen), np.ix_(seen, hidden), np.ix_(hidden, hidden)
        found.append(_Pattern(seen, hidden, *at, len(y), xx, xy, y.T @ y))
    return found


def _start(Y: Array, X: Array) -> Array:
    """A positive definite start: residual variances of least squares, visits moderately alike."""
    y, x = Y.ravel(), X.reshape(-1, X.shape[2])
    there = ~np.isnan(y)
    beta = np.linalg.lstsq(x[there], y[there], rcond=None)[0]
    residual = np.where(there, y - x @ beta, np.nan).reshape(Y.shape)
    seen = there.reshape(Y.shape)
    if not seen.any(axis=0).all():
        raise np.linalg.LinAlgError("a visit was seen in nobody")
    spread = np.sqrt(np.nansum(residual**2, axis=0) / seen.sum(axis=0))
    if not (spread > 0).all():
        raise np.linalg.LinAlgError("a visit has no variance left")
    V = Y.shape[1]
    start: Array = np.outer(spread, spread) * (0.5 + 0.5 * np.eye(V))
    return start


def _solve_means(patterns: list[_Pattern], Sigma: Array, q: int) -> tuple[Array, Array]:
    """Generalised least squares: beta (q,) and the inverse of its expected information (q, q)."""
    information, right = np.zeros((q, q)), np.zeros(q)
    for pattern in patterns:
        W = np.linalg.inv(Sigma[pattern.block])
        information += (W.ravel() @ pattern.xx).reshape(q, q)
        right += W.ravel() @ pattern.xy.reshape(-1, q)
    C = np.linalg.inv(information)
    return C @ right, 0.5 * (C + C.T)


def _residuals(pattern: _Pattern, beta: Array) -> Array:
    """(m, m) sum of r_a r_b' over the people of the pattern."""
    cross = pattern.xy @ beta
    full = pattern.yy - cross - cross.T + (pattern.xx @ np.outer(beta, beta).ravel()).reshape(pattern.yy.shape)
    residuals: Array = 0.5 * (full + full.T)
    return residuals


def _update(patterns: list[_Pattern], Sigma: Array, beta: Array, C: Array | None) -> Array:
    """One step: what the visits' covariance would be if the missing visits were seen, given what was seen.

    C  covariance of beta for REML (its uncertainty adds to the residuals), None for ML
    """
    V, n = len(Sigma), sum(pattern.n for pattern in patterns)
    total = np.zeros((V, V))
    for pattern in patterns:
        seen = pattern.seen
        R = _residuals(pattern, beta)
        if C is not None:
            R = R + (pattern.xx @ C.ravel()).reshape(R.shape)
        if len(seen) == V:
            total += R
            continue
        hidden, across = pattern.hidden, Sigma[pattern.across]
        lift = np.zeros((V, len(seen)))
        lift[seen] = np.eye(len(seen))
        lift[hidden] = np.linalg.solve(Sigma[pattern.block], across).T
        total += lift @ R @ lift.T
        total[pattern.under] += pattern.n * (Sigma[pattern.under] - lift[hidden] @ across)
    new: Array = 0.5 * (total + total.T) / n
    return new


def _directions(V: int) -> list[Array]:
    """Symmetric (V, V) derivatives of Sigma by its distinct elements."""
    out = []
    for a in range(V):
        for b in range(a + 1):
            E = np.zeros((V, V))
            E[a, b] = E[b, a] = 1.0
            out.append(E)
    return out


def _observed_covariance(patterns: list[_Pattern], Sigma: Array, beta: Array, C: Array) -> Array:
    """Covariance of beta from the observed information of means and covariances together.

    Falls back on C, the expected one, only where the observed information of Sigma is not positive definite, which
    happens in samples too small to fit anyway.
    """
    V = len(Sigma)
    directions = _directions(V)
    cross = np.zeros((len(beta), len(directions)))
    own = np.zeros((len(directions), len(directions)))
    for pattern in patterns:
        seen = pattern.block
        W = np.linalg.inv(Sigma[seen])
        R = _residuals(pattern, beta)
        m, q = len(pattern.seen), len(beta)
        g = pattern.xy - (pattern.xx.reshape(m, m, q, q) @ beta)  # (m, m, q): sum of x_a r_b
        E = np.array([direction[seen] for direction in directions])
        WE = W @ E
        cross += np.einsum("sad,adq->qs", WE @ W, g)
        own += np.einsum("sab,tba->st", WE, WE @ (W @ R - 0.5 * pattern.n * np.eye(len(W))))
    own = 0.5 * (own + own.T)
    try:
        np.linalg.cholesky(own)
    except np.linalg.LinAlgError:
        return C
    information = np.linalg.inv(C) - cross @ np.linalg.solve(own, cross.T)
    inverse = np.linalg.inv(information)
    symmetric: Array = 0.5 * (inverse + inverse.T)
    return symmetric if bool((np.diag(symmetric) > 0).all()) else C


def _log_likelihood(patterns: list[_Pattern], Sigma: Array, beta: Array) -> float:
    value = 0.0
    for pattern in patterns:
        S = Sigma[pattern.block]
        R = _residuals(pattern, beta)
        value -= 0.5 * (
            pattern.n * (len(S) * math.log(2 * math.pi) + float(np.linalg.slogdet(S)[1]))
            + float(np.trace(np.linalg.solve(S, R)))
        )
    return value


def constrained_design(arm: NDArray[np.intp], V: int, Z: Array | None = None) -> Array:
    """Design of a trial whose arms share one mean at baseline, as randomisation makes them.

    arm      (n,)    0 for the reference arm, 1 .. A-1 for the others
    V        visits, the first before treatment
    Z        (n, c)  baseline covariates, centred here; each acts on every visit with a slope of its own
    returns  (n, V, q)  q = V + (A-1)(V-1) + cV: means of the reference arm by visit, then for each later visit the
             differences of the other arms, then the slopes by covariate and visit
    """
    n, A = len(arm), int(arm.max()) + 1
    c = 0 if Z is None else Z.shape[1]
    q = V + (A - 1) * (V - 1) + c * V
    X = np.zeros((n, V, q))
    for v in range(V):
        X[:, v, v] = 1.0
        if v:
            for a in range(1, A):
                X[arm == a, v, arm_column(a, v, A, V)] = 1.0
        if Z is not None:
            start = V + (A - 1) * (V - 1) + v
            X[:, v, start : start + c * V : V] = Z - Z.mean(axis=0)
    return X


def arm_column(arm: int, visit: int, A: int, V: int) -> int:
    """Position in beta of the difference between an arm (1 .. A-1) and the reference at a later visit (1 .. V-1)."""
    return V + (visit - 1) * (A - 1) + arm - 1


def mean_weights(arm: int, visit: int, A: int, V: int, q: int) -> Array:
    """(q,) weights of beta that give the mean of an arm at a visit, covariates at their means."""
    w = np.zeros(q)
    w[visit] = 1.0
    if visit and arm:
        w[arm_column(arm, visit, A, V)] = 1.0
    return w


@dataclass(frozen=True, slots=True)
class Contrast:
    """A linear combination of means, with intervals from Student's t.

    low, high        95 % limits (or of the level asked for); low_90, high_90 those of the equivalence test
    df               degrees of freedom
    """

    estimate: float
    std_error: float
    df: float
    low: float
    high: float
    low_90: float
    high_90: float
    p_value: float


def contrast(weights: Array, beta: Array, covariance: Array, df: float, level: float = 0.95) -> Contrast:
    """Estimate, standard error and limits of weights'beta."""
    return from_estimate(float(weights @ beta), math.sqrt(float(weights @ covariance @ weights)), df, level)


def from_estimate(estimate: float, std_error: float, df: float, level: float = 0.95) -> Contrast:
    """Limits and p-value of an estimate whose ratio to its standard error follows Student's t (infinite df: normal)."""
    if not std_error > 0 or not df > 0:
        return Contrast(estimate, std_error, df, *([math.nan] * 5))
    wide, narrow = (float(stdtrit(_finite(df), (1 + width) / 2)) * std_error for width in (level, 0.90))
    p_value = float(2 * stdtr(_finite(df), -abs(estimate) / std_error))
    return Contrast(
        estimate, std_error, df, estimate - wide, estimate + wide, estimate - narrow, estimate + narrow, p_value
    )


def _finite(df: float) -> float:
    """Student's t with this many degrees of freedom is the normal to rounding."""
    return min(df, 1e12)


def between_within_df(Y: Array, X: Array) -> float:
    """Between-within degrees of freedom for an unstructured covariance: people minus mean parameters of one visit.

    Y  (n, V)     NaN where missing
    X  (n, V, q)  design
    People seen only at the first visit say nothing of what follows it and are not counted. With an unstructured
    covariance all mean parameters of one visit are between-person ones, so the rank at the last visit is taken away.

    Schluchter & Elashoff (1990), Journal of Statistical Computation and Simulation 37, 69-87, on such corrections.
    """
    later = ~np.isnan(Y[:, 1:]).all(axis=1)
    rank = max(int(np.linalg.matrix_rank(X[later, v])) for v in range(1, Y.shape[1])) if later.any() else 0
    return float(later.sum() - rank)


def robust_covariance(Y: Array, X: Array, fit: RepeatedFit, cluster: NDArray[np.intp] | None = None) -> Array:
    """Sandwich covariance of beta (q, q): right even where Sigma differs between people, or people come in clusters.

    cluster  (n,) cluster of each person; None: every person by himself. Multiplied by G / (G - 1), G clusters.
    The bread and the scores hold means and covariances together, as the observed information does.
    """
    V = Y.shape[1]
    directions = _directions(V)
    n, q, s = len(Y), X.shape[2], len(directions)
    scores = np.zeros((n, q + s))
    information = np.zeros((q + s, q + s))
    is_seen = ~np.isnan(Y)
    kinds, member = np.unique(is_seen, axis=0, return_inverse=True)
    for k, kind in enumerate(kinds):
        seen = np.flatnonzero(kind)
        if not len(seen):
            continue
        people = np.flatnonzero(member.ravel() == k)
        block = np.ix_(seen, seen)
        W = np.linalg.inv(fit.Sigma[block])
        x = X[people][:, seen]
        r = Y[people][:, seen] - x @ fit.beta
        z = r @ W
        E = np.array([direction[block] for direction in directions])
        scores[people, :q] = np.einsum("iaq,ia->iq", x, z)
        WE = W @ E
        scores[people, q:] = 0.5 * (np.einsum("ia,sab,ib->is", z, E, z) - np.trace(WE, axis1=1, axis2=2)[None, :])
        information[:q, :q] += np.einsum("iaq,ab,ibr->qr", x, W, x)
        cross = np.einsum("iaq,sab,ib->qs", x, WE, z)
        information[:q, q:] += cross
        information[q:, :q] += cross.T
        R = r.T @ r
        own = np.einsum("sab,tba->st", WE, WE @ (W @ R - 0.5 * len(people) * np.eye(len(W))))
        information[q:, q:] += 0.5 * (own + own.T)
    bread = np.linalg.inv(information)
    groups = np.arange(n) if cluster is None else np.unique(cluster, return_inverse=True)[1].ravel()
    G = int(groups.max()) + 1
    summed = np.zeros((G, q + s))
    np.add.at(summed, groups, scores)
    sandwich = bread @ (summed.T @ summed) @ bread * (G / (G - 1))
    out: Array = sandwich[:q, :q]
    return out
