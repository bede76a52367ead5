"""From information to covariance: inversion along the directions that constraints leave open.

Aitchison & Silvey (1958), Annals of Mathematical Statistics 29, 813-828, for estimates under constraints.
"""

from __future__ import annotations

import math

import numpy as np

from kinechain.numerics import Array

FLAT = 1e-10
"""Smallest eigenvalue of the scaled information that still gives standard errors."""
ROUNDING = 1e-13
"""Share of a direction below which a parameter does not move along it."""


def open_directions(active: Array, k: int) -> Array:
    """(k, f) orthonormal directions along which active constraints stay fulfilled."""
    if not len(active):
        return np.eye(k)
    size = np.abs(active).max(axis=1, keepdims=True)
    _, singular, Vt = np.linalg.svd(active / np.where(size > 0.0, size, 1.0))
    rank = int((singular > 1e-10).sum())
    Z = Vt[rank:].T.copy()
    Z[np.abs(Z) < ROUNDING] = 0.0  # what a constraint settles alone has no error, not one of 1e-17
    return Z


def invert_information(information: Array, active: Array) -> tuple[Array, float, Array]:
    """Inverse along the directions that active constraints leave open.

    returns  (k, k) inverse (NaN when the information is flat somewhere), condition number after scaling to a unit
             diagonal (in the 1-norm, or the 2-norm under constraints), and the flattest direction (k,), or zeros
    """
    k = len(information)
    if not k:
        return np.zeros((0, 0)), 1.0, np.zeros(0)
    size = np.sqrt(np.maximum(np.diag(information), 1e-300))
    Z = open_directions(active / size if len(active) else active, k)
    if not Z.shape[1]:
        return np.zeros((k, k)), 1.0, np.zeros(k)
    with np.errstate(all="ignore"):
        scaled = information / np.outer(size, size)
    if not np.isfinite(scaled).all():
        return np.full((k, k), math.nan), math.inf, (~np.isfinite(scaled)).any(axis=0).astype(np.float64)
    if not len(active):
        try:
            np.linalg.cholesky(scaled)
            inverse = np.linalg.inv(scaled)
            condition = float(np.linalg.norm(scaled, 1) * np.linalg.norm(inverse, 1))
            if condition < 1.0 / FLAT:
                return 0.5 * (inverse + inverse.T) / np.outer(size, size), condition, np.zeros(k)
        except np.linalg.LinAlgError:
            pass
    values, vectors = np.linalg.eigh(Z.T @ scaled @ Z)
    direction = np.abs(Z @ vectors[:, 0])
    condition = float(values[-1] / values[0]) if values[0] > 0.0 else math.inf
    if values[0] < FLAT * values[-1]:
        return np.full((k, k), math.nan), condition, direction
    T = (Z @ vectors) / size[:, None]
    return (T / values) @ T.T, condition, direction
