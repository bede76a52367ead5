"""Draws from a multivariate normal law: a root of the covariance that no processor and no unit changes."""

from __future__ import annotations

import numpy as np

from kinechain.numerics import Array


def symmetric_root(covariance: Array) -> Array:
    """The root R with R R' = covariance that is symmetric on the scale of the standard deviations.

    covariance  (p, p)  may be singular; a variance of zero is allowed
    returns     (p, p)  row j in the unit of variable j

    It is made from the correlations: made from the covariance itself, a variable of large variance leaves rounding
    errors in the others that can be larger than they are. And it is the symmetric one: eigenvectors are known up to
    their sign only (up to a rotation where eigenvalues tie), which libraries settle differently from processor to
    processor, so that a root made of them alone would turn the same random numbers into other draws.
    """
    spread = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    unit = np.where(spread > 0.0, spread, 1.0)
    values, vectors = np.linalg.eigh(covariance / np.outer(unit, unit))
    root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    return np.asarray(spread[:, None] * root, dtype=np.float64)


def draw_normal(rng: np.random.Generator, mean: Array, covariance: Array, draws: int) -> Array:
    """Draws (draws, p) from the normal law with this mean (p,) and covariance (p, p), which may be singular."""
    noise = rng.standard_normal((draws, len(mean)))
    return np.asarray(mean + noise @ symmetric_root(covariance).T, dtype=np.float64)
