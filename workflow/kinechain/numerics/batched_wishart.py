"""Moments drawn from their sampling law under normality."""

from __future__ import annotations

import numpy as np

from kinechain.numerics import Array
from kinechain.numerics.batched_moments import MomentDraws
from kinechain.numerics.normal_law import symmetric_root


def wishart_moments(rng: np.random.Generator, correlation: Array, n: int, draws: int) -> MomentDraws:
    """Means and covariances (divisor n) of samples of `n` people from a normal population.

    correlation  (p, p)  the population's, of standardised variables with mean zero; may be singular
    returns      moments of the standardised variables

    n times the covariance is Wishart with n - 1 degrees of freedom, made from its Cholesky factor: Bartlett (1933),
    Proceedings of the Royal Society of Edinburgh 53, 260-283. Means are independent of it.
    """
    p = correlation.shape[0]
    root = symmetric_root(correlation)
    lower = np.tril_indices(p, -1)
    A = np.zeros((p, p, draws))
    A[lower] = rng.standard_normal((lower[0].size, draws))
    for j in range(p):
        A[j, j] = np.sqrt(rng.chisquare(n - 1 - j, draws))
    T = np.einsum("ij,jkd->ikd", root, A)
    covariance = np.einsum("ikd,jkd->ijd", T, T) / n
    mean = root @ rng.standard_normal((p, draws)) / np.sqrt(n)
    return MomentDraws(mean, covariance, np.full(draws, float(n)))
