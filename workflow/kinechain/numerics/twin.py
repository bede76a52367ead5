"""Rows that have given moments exactly, and how near they come to real ones."""

from __future__ import annotations

import numpy as np
from scipy.spatial import KDTree

from kinechain.numerics import Array
from kinechain.numerics.normal_law import symmetric_root


def exact_rows(mean: Array, covariance: Array, n: int, rng: np.random.Generator) -> Array:
    """Random rows whose sample means and covariances are exactly those given.

    mean        (p,)
    covariance  (p, p) divisor n; may be singular
    n           rows, more than p
    returns     (n, p), normal but for the exactness: deviations are an orthonormal random frame, orthogonal to the
                constant, turned by a root of the covariance

    Raises ValueError when n is not larger than p.
    """
    p = len(mean)
    if n <= p:
        raise ValueError(f"{n} rows cannot have the moments of {p} variables")
    Z = rng.standard_normal((n, p))
    frame, _ = np.linalg.qr(Z - Z.mean(axis=0))
    frame -= frame.mean(axis=0)
    rows: Array = mean + np.sqrt(n) * frame @ symmetric_root(covariance).T
    return rows


def nearest_distances(X: Array, others: Array | None = None) -> Array:
    """Euclidean distance of each row of X to the nearest row of `others`, or to the nearest other row of X itself.

    X, others  (n, p), (m, p) on one scale
    """
    if others is not None:
        return np.asarray(KDTree(others).query(X)[0], dtype=np.float64)
    among: Array = np.asarray(KDTree(X).query(X, k=2)[0], dtype=np.float64)
    nearest: Array = among[:, 1]
    return nearest
