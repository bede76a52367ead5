"""What survives when the data are not normal: first-order information, sandwich covariances, scaled statistics.

Yuan & Bentler (2000), Sociological Methodology 30, 165-200; Savalei & Rosseel (2022), Structural Equation Modeling 29,
163-181; the corrected indices for missing data are Zhang & Savalei (2023), Psychological Methods 28, 263-283.
"""

from __future__ import annotations

import numpy as np

from kinechain.numerics import Array
from kinechain.numerics.likelihood import Likelihood, Patterns
from kinechain.numerics.ram import Index

ROWS_AT_ONCE = 8192


def first_order_information(
    X: Array,
    membership: Index,
    data: Patterns,
    mu: Array,
    at: Likelihood,
    d_mu: Array,
    d_Sigma: Array,
    clusters: Index | None = None,
) -> Array:
    """Sum over people of the outer products of their scores.

    X           (n, p) values, NaN where missing
    membership  (n,) pattern of each person
    mu          (p,) means the scores are taken about
    d_mu        (p, k), d_Sigma (p, p, k) derivatives of the moments
    clusters    (n,) number of each person's cluster: scores are first summed within clusters, and the result is
                enlarged by c / (c - 1) for c clusters
    returns     (k, k)
    """
    p, k = d_mu.shape
    V = d_Sigma.reshape(p * p, k)
    offset = 0.5 * at.W.reshape(len(data.n), p * p) @ V
    total = np.zeros((k, k))
    sums: dict[int, Array] = {}
    for begin in range(0, len(X), ROWS_AT_ONCE):
        rows = slice(begin, begin + ROWS_AT_ONCE)
        pattern = membership[rows]
        d = X[rows] - mu
        d = np.where(np.isnan(d), 0.0, d)
        u = d @ at.W[0] if len(data.n) == 1 else np.einsum("ni,nij->nj", d, at.W[pattern])
        scores = u @ d_mu + 0.5 * (u[:, :, None] * u[:, None, :]).reshape(len(u), p * p) @ V - offset[pattern]
        if clusters is None:
            total += scores.T @ scores
        else:
            of_rows = clusters[rows]
            for cluster in np.unique(of_rows):
                part = scores[of_rows == cluster].sum(axis=0)
                sums[int(cluster)] = sums.get(int(cluster), 0.0) + part
    if clusters is not None:
        stacked = np.array(list(sums.values()))
        n_clusters = len(stacked)
        total = stacked.T @ stacked * (n_clusters / max(n_clusters - 1, 1))
    return total


def saturated_derivatives(p: int, fixed: Index, *, with_means: bool) -> tuple[Array, Array]:
    """Derivatives of moments by themselves: columns for means (if any) and for the lower triangle of covariances.

    fixed  positions of variables whose own moments are given: no columns for those
    """
    is_fixed = np.zeros(p, dtype=np.bool_)
    is_fixed[fixed] = True
    rows, columns = np.tril_indices(p)
    keep = ~(is_fixed[rows] & is_fixed[columns])
    rows, columns = rows[keep], columns[keep]
    means = np.flatnonzero(~is_fixed) if with_means else np.zeros(0, dtype=np.intp)
    k = len(means) + len(rows)
    d_mu, d_Sigma = np.zeros((p, k)), np.zeros((p, p, k))
    d_mu[means, np.arange(len(means))] = 1.0
    at = len(means) + np.arange(len(rows))
    d_Sigma[rows, columns, at] = 1.0
    d_Sigma[columns, rows, at] = 1.0
    return d_mu, d_Sigma
