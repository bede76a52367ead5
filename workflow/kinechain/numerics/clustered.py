"""Least squares with one contrast, its error robust to clusters where people come in them.

With clusters: the bias-reduced sandwich CR2 and Satterthwaite degrees of freedom of Bell & McCaffrey (2002), Survey
Methodology 28, 169-181, which keep their level with few clusters.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from kinechain.numerics import Array
from kinechain.numerics.collinearity import invert_crossproducts
from kinechain.numerics.longitudinal import Contrast, from_estimate


def fit_least_squares(y: Array, X: Array, weights: Array, cluster: NDArray[np.intp] | None = None) -> Contrast:
    """One linear combination of least-squares coefficients, with limits from Student's t.

    y        (n,)    no missing values
    X        (n, q)  full column rank
    weights  (q,)    of the coefficients
    cluster  (n,)    None: independent people with one variance, n - q degrees of freedom
    """
    n, q = X.shape
    M = invert_crossproducts(X)
    beta = M @ (X.T @ y)
    residual = y - X @ beta
    estimate = float(weights @ beta)
    if cluster is None:
        variance = float(residual @ residual) / (n - q) * float(weights @ M @ weights)
        return from_estimate(estimate, math.sqrt(variance), n - q)
    groups = np.unique(cluster)
    P = np.zeros((n, len(groups)))  # column g: (I - H)_g' A_g X_g M weights, as Satterthwaite needs it
    variance = 0.0
    H = X @ M @ X.T
    for g, group in enumerate(groups):
        inside = np.flatnonzero(cluster == group)
        own, vectors = np.linalg.eigh(np.eye(len(inside)) - H[np.ix_(inside, inside)])
        root = np.where(own > 1e-10, 1 / np.sqrt(np.maximum(own, 1e-10)), 0.0)
        pull = (vectors * root) @ vectors.T @ X[inside] @ M @ weights
        variance += float(pull @ residual[inside]) ** 2
        P[:, g] = -H[:, inside] @ pull
        P[inside, g] += pull
    eigenvalues = np.linalg.eigvalsh(P.T @ P)
    df = float(eigenvalues.sum() ** 2 / (eigenvalues**2).sum())
    return from_estimate(estimate, math.sqrt(variance), df)
