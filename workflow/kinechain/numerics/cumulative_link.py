"""Cumulative link models (proportional odds, ordered probit): first and second derivatives in closed form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, ndtr

from kinechain.numerics import Array

STEPS = 20
SETTLED = 1e-12
"""Newton decrement, in units of log-likelihood, below which a further step moves nothing that is printed."""


@dataclass(frozen=True, slots=True)
class Curvature:
    """Derivatives of the log-likelihood in slopes (q) and cuts (c), in this order.

    scores   (n, q + c)
    hessian  (q + c, q + c)
    """

    scores: Array
    hessian: Array


def curvature(band: NDArray[np.intp], X: Array, slopes: Array, cuts: Array, link: str) -> Curvature:
    """Derivatives where P(band <= k) = F(cuts[k] - X slopes).

    band  (n,)    0 … c, complete
    X     (n, q)  complete, no constant
    cuts  (c,)    rising
    link  logit or probit

    McCullagh (1980), Journal of the Royal Statistical Society B 42, 109-142. Reference: derivatives by differences.
    """
    c, (n, q) = len(cuts), X.shape
    ends = np.concatenate([[-np.inf], cuts, [np.inf]])
    eta = X @ slopes
    upper, lower = ends[band + 1] - eta, ends[band] - eta
    (F_up, f_up, d_up), (F_low, f_low, d_low) = _law(upper, link), _law(lower, link)
    p = F_up - F_low
    up, low = f_up / p, f_low / p
    to_upper, to_lower = np.zeros((n, q + c)), np.zeros((n, q + c))
    to_upper[:, :q] = to_lower[:, :q] = -X
    inner, above = np.flatnonzero(band < c), np.flatnonzero(band > 0)
    to_upper[inner, q + band[inner]] = 1.0
    to_lower[above, q + band[above] - 1] = 1.0
    scores = up[:, None] * to_upper - low[:, None] * to_lower
    hessian = (
        (to_upper * (d_up / p)[:, None]).T @ to_upper
        - (to_lower * (d_low / p)[:, None]).T @ to_lower
        - scores.T @ scores
    )
    return Curvature(scores, hessian)


def settle(band: NDArray[np.intp], X: Array, slopes: Array, cuts: Array, link: str) -> tuple[Array, Array, Curvature]:
    """The maximum next to estimates that a search left near it, by Newton steps, with its derivatives.

    Raises numpy.linalg.LinAlgError when the curvature there is singular.
    """
    theta, q = np.concatenate([slopes, cuts]), len(slopes)
    at = curvature(band, X, theta[:q], theta[q:], link)
    for _ in range(STEPS):
        gradient = at.scores.sum(axis=0)
        step = np.linalg.solve(at.hessian, gradient)
        after = theta - step
        if not (np.diff(after[q:]) > 0).all():
            break
        theta = after
        at = curvature(band, X, theta[:q], theta[q:], link)
        if abs(float(gradient @ step)) < SETTLED:
            break
    return theta[:q], theta[q:], at


def _law(z: Array, link: str) -> tuple[Array, Array, Array]:
    """Distribution function, density and its derivative; at infinity the last two are zero."""
    known = np.where(np.isfinite(z), z, 0.0)
    if link == "logit":
        F = expit(z)
        f = np.where(np.isfinite(z), F * (1 - F), 0.0)
        return F, f, f * (1 - 2 * F)
    f = np.where(np.isfinite(z), np.exp(-0.5 * known**2) / np.sqrt(2 * np.pi), 0.0)
    return ndtr(z), f, -known * f
