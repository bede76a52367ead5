"""The normal likelihood of people grouped by what was measured on them, its derivatives and its information.

Complete data are the case of one pattern. Patterns are stacked: every array has the pattern first and is padded with
zeros where a variable is missing, so that no loop over patterns is needed.

Arbuckle (1996), Full information estimation in the presence of incomplete data, in Marcoulides & Schumacker (eds.);
Savalei (2010), Psychological Methods 15, 352-367, for the information matrices.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kinechain.numerics import Array
from kinechain.numerics.moments import Moments
from kinechain.numerics.ram import Index

LOG_2PI = math.log(2.0 * math.pi)
BLOCK = 1 << 16
"""Rows centred at a time: a million people need no second copy of their data."""


@dataclass(frozen=True, slots=True)
class Patterns:
    """Sufficient statistics of one group for the normal model.

    observed    (K, p)     which variables the people of each pattern have
    n           (K,)       people in each pattern
    mean        (K, p)     their means, 0 where missing
    covariance  (K, p, p)  their covariances, divisor n of the pattern, 0 where missing
    """

    observed: NDArray[np.bool_]
    n: Array
    mean: Array
    covariance: Array

    @property
    def n_people(self) -> int:
        """People in all patterns."""
        return round(float(self.n.sum()))

    @property
    def is_complete(self) -> bool:
        """Whether nobody lacks anything."""
        return len(self.n) == 1 and bool(self.observed.all())


def patterns_from_moments(moments: Moments) -> Patterns:
    """The one pattern of complete data."""
    p = len(moments.mean)
    return Patterns(
        np.ones((1, p), dtype=np.bool_), np.array([float(moments.n)]), moments.mean[None], moments.covariance[None]
    )


def patterns_from_data(X: Array) -> tuple[Patterns, Index]:
    """Patterns of the data, most frequent first, and the pattern of each person.

    X  (n, p)  one row a person, NaN where missing; every row has at least one value
    """
    if not np.isnan(X.sum()):
        mean = X.mean(axis=0)
        square = np.zeros((X.shape[1], X.shape[1]))
        for start in range(0, len(X), BLOCK):
            centred = X[start : start + BLOCK] - mean
            square += centred.T @ centred
        complete = Patterns(
            np.ones((1, X.shape[1]), dtype=np.bool_), np.array([float(len(X))]), mean[None], (square / len(X))[None]
        )
        return complete, np.zeros(len(X), dtype=np.intp)
    is_observed = ~np.isnan(X)
    packed = np.packbits(is_observed, axis=1)
    _, first, membership, count = np.unique(packed, axis=0, return_index=True, return_inverse=True, return_counts=True)
    order = np.lexsort((first, -count))
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    membership = rank[membership.ravel()]
    observed = is_observed[first[order]]
    n = count[order].astype(np.float64)
    K, p = observed.shape
    mean, covariance = np.zeros((K, p)), np.zeros((K, p, p))
    by_pattern = np.argsort(membership, kind="stable")
    ends = np.cumsum(count[order])
    for k, end in enumerate(ends):
        people = X[by_pattern[end - count[order][k] : end]][:, observed[k]]
        average = people.mean(axis=0)
        centred = people - average
        have = np.flatnonzero(observed[k])
        mean[k, have] = average
        covariance[k, have[:, None], have] = centred.T @ centred / len(people)
    return Patterns(observed, n, mean, covariance), membership


@dataclass(frozen=True, slots=True)
class Likelihood:
    """Log-likelihood at given moments, with what its derivatives need.

    value    the log-likelihood, constants included
    d_mu     (p,)       derivative by the means
    d_Sigma  (p, p)     derivative by the covariances, as symmetric G with d value = tr(G d Sigma)
    W        (K, p, p)  inverse covariance of what each pattern has, zero elsewhere
    z        (K, p)     W (mean - mu)
    C        (K, p, p)  W T W, T the patterns' second moments about mu
    """

    value: float
    d_mu: Array
    d_Sigma: Array  # noqa: N815 - the field's notation
    W: Array
    z: Array
    C: Array


def saturated_value(data: Patterns) -> float:
    """Log-likelihood of complete data at their own moments.

    Raises numpy.linalg.LinAlgError if their covariance is not positive definite.
    """
    L = np.linalg.cholesky(data.covariance[0])
    return -0.5 * float(data.n[0]) * (len(L) * (LOG_2PI + 1.0) + 2.0 * float(np.log(np.diag(L)).sum()))


def log_likelihood(data: Patterns, mu: Array, Sigma: Array) -> Likelihood:
    """Normal log-likelihood of the patterns for means mu (p,) and covariances Sigma (p, p).

    Raises numpy.linalg.LinAlgError if Sigma is not positive definite.
    """
    p = len(mu)
    if data.is_complete:
        masked, both = Sigma[None], None
    else:
        both = data.observed[:, :, None] & data.observed[:, None, :]
        masked = np.where(both, Sigma, np.eye(p))
    L = np.linalg.cholesky(masked)
    if not np.isfinite(L).all():
        raise np.linalg.LinAlgError("implied covariances are not finite")
    inverse = np.asarray(np.linalg.inv(masked), dtype=np.float64)
    W: Array = 0.5 * (inverse + inverse.transpose(0, 2, 1))
    if both is not None:
        W = np.where(both, W, 0.0)
    d = np.where(data.observed, data.mean - mu, 0.0)
    z: Array = (W @ d[:, :, None])[:, :, 0]
    C: Array = W @ data.covariance @ W + z[:, :, None] * z[:, None, :]
    n_values = data.observed.sum(axis=1)
    log_det = 2.0 * np.log(np.diagonal(L, axis1=1, axis2=2)).sum(axis=1)
    distance = (W * data.covariance).sum(axis=(1, 2)) + (z * d).sum(axis=1)
    value = -0.5 * float(data.n @ (n_values * LOG_2PI + log_det + distance))
    return Likelihood(value, data.n @ z, -0.5 * _weigh(data.n, W - C), W, z, C)


def _weigh(n: Array, stacked: Array) -> Array:
    """Sum over patterns of n times a matrix."""
    total: Array = n[0] * stacked[0] if len(n) == 1 else np.tensordot(n, stacked, 1)
    return total


def expected_information(data: Patterns, at: Likelihood, d_mu: Array, d_Sigma: Array) -> Array:
    """Expected information of parameters (missing completely at random where something is missing).

    d_mu     (p, k)     derivatives of the means
    d_Sigma  (p, p, k)  derivatives of the covariances
    returns  (k, k)
    """
    W_all = _weigh(data.n, at.W)
    information: Array = d_mu.T @ W_all @ d_mu + 0.5 * _quadratic(data.n, at.W, at.W, d_Sigma)
    return information


def observed_information(data: Patterns, at: Likelihood, d_mu: Array, d_Sigma: Array) -> Array:
    """Minus the second derivatives of the log-likelihood, as if means and covariances were linear in the parameters.

    What their own curvature adds is `-curve_moments(ram, implied, at.d_Sigma, at.d_mu)`.
    """
    W_all = _weigh(data.n, at.W)
    information: Array = d_mu.T @ W_all @ d_mu + 0.5 * _quadratic(data.n, at.W, 2.0 * at.C - at.W, d_Sigma)
    if d_mu.any() and at.z.any():
        p, k = d_mu.shape
        if len(data.n) == 1:
            pulled = data.n[0] * (at.W[0] @ np.tensordot(at.z[0], d_Sigma, 1))
        else:
            mixed = (data.n[:, None, None] * at.W).reshape(len(data.n), -1).T @ at.z  # (p p, p): sum of W_ij z_l
            by_pair = mixed.reshape(p, p * p) @ d_Sigma.reshape(p * p, k)
            pulled = by_pair
        cross = d_mu.T @ pulled
        information += cross + cross.T
    return information


def _quadratic(n: Array, W: Array, M: Array, d_Sigma: Array) -> Array:
    """Sum over patterns of n tr(V_t W V_u M), symmetric in the parameters t and u."""
    p, k = d_Sigma.shape[0], d_Sigma.shape[2]
    if len(n) == 1:
        V = d_Sigma.transpose(2, 0, 1)
        left = (V @ W[0]).reshape(k, -1)
        right = (V @ M[0]).transpose(0, 2, 1).reshape(k, -1)
        full = n[0] * (left @ right.T)
    else:
        kron = (n[:, None, None] * W).reshape(len(n), -1).T @ M.reshape(len(n), -1)  # [(j k), (l i)]
        kron = kron.reshape(p, p, p, p).transpose(3, 0, 1, 2).reshape(p * p, p * p)  # [(i j), (k l)]
        V = d_Sigma.reshape(p * p, k)
        full = V.T @ kron @ V
    symmetric: Array = 0.5 * (full + full.T)
    return symmetric
