"""What a path model implies for ordered and numeric outcomes given covariates, under the delta parameterisation.

Each ordered variable is a class of a latent response y* whose variance given the covariates is 1 / delta^2: its
residual variance is not a parameter but what is left of that variance. Muthén & Asparouhov (2002), Mplus Web Notes 4,
section 2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from kinechain.numerics import Array
from kinechain.numerics.polychoric import pairs
from kinechain.numerics.ram import Index, Part, Ram

# A derivative by complex step has no cancellation: the step can be far below rounding.
# Squire & Trapp (1998), SIAM Review 40, 110-112.
COMPLEX_STEP = 1e-30


@dataclass(frozen=True, slots=True)
class OrdinalRam:
    """One group's model of outcomes given covariates.

    ram     where the parameters stand; TAU and DELTA cells belong to ordered variables
    y       (p,) positions in `ram.names` of the outcomes, in the order of the statistics
    x       (q,) positions of the covariates, taken as given
    levels  (p,) classes of each outcome, 0 for a numeric one
    """

    ram: Ram
    y: Index
    x: Index
    levels: tuple[int, ...]

    @property
    def inner(self) -> Index:
        """Positions of everything but the covariates: outcomes and latent variables."""
        return np.setdiff1d(np.arange(self.ram.m), self.x)


@dataclass(frozen=True, slots=True)
class Matrices:
    """Model matrices at one point (or a stack of points), the residual variances of ordered variables filled in.

    A      (…, m, m)  paths, from column to row
    S      (…, m, m)  residual covariances
    M      (…, m)     intercepts
    tau    position of an ordered outcome -> (…, levels - 1) cuts
    delta  (…, m)     scales, 1 for numeric variables
    """

    A: NDArray[np.complex128]
    S: NDArray[np.complex128]
    M: NDArray[np.complex128]
    tau: dict[int, NDArray[np.complex128]]
    delta: NDArray[np.complex128]


def model_matrices(model: OrdinalRam, theta: NDArray[np.complex128]) -> Matrices:
    """Matrices at theta (…, k), which may be complex.

    The residual variances psi of the ordered variables o solve  sum_k B_ik^2 psi_k + (rest)_ii = 1 / delta_i^2,
    where B = (I - A)^-1 and the rest is what all other covariances give: a linear system, so that an ordered variable
    may itself be a cause of another.

    Raises numpy.linalg.LinAlgError where the paths form a loop that feeds itself fully.
    """
    ram = model.ram
    m = ram.m
    shape = theta.shape[:-1]
    padded = np.concatenate([theta, np.zeros((*shape, 1))], axis=-1)
    value = np.where(ram.free >= 0, padded[..., ram.free], ram.fixed)
    A = np.zeros((*shape, m, m), dtype=np.complex128)
    S, M, delta = (
        np.zeros_like(A),
        np.zeros((*shape, m), dtype=np.complex128),
        np.ones((*shape, m), dtype=np.complex128),
    )
    at = ram.part == Part.A
    A[..., ram.row[at], ram.column[at]] = value[..., at]
    at = ram.part == Part.S
    S[..., ram.row[at], ram.column[at]] = value[..., at]
    S[..., ram.column[at], ram.row[at]] = value[..., at]
    at = ram.part == Part.M
    M[..., ram.row[at]] = value[..., at]
    at = ram.part == Part.DELTA
    delta[..., ram.row[at]] = value[..., at]
    tau = {}
    for i, level in zip(model.y.tolist(), model.levels, strict=True):
        if level:
            at = np.flatnonzero((ram.part == Part.TAU) & (ram.row == i))
            tau[i] = value[..., at[np.argsort(ram.column[at])]]
    ordered = np.array(sorted(tau), dtype=np.intp)
    if len(ordered):
        S[..., ordered, ordered] = 0.0
        inner = model.inner
        B = np.linalg.inv(np.eye(len(inner)) - A[..., inner[:, None], inner])
        place = np.searchsorted(inner, ordered)
        rest = B @ S[..., inner[:, None], inner] @ np.swapaxes(B, -1, -2)
        room = 1.0 / delta[..., ordered] ** 2 - rest[..., place, place]
        share = B[..., place[:, None], place] ** 2
        S[..., ordered, ordered] = np.linalg.solve(share, room[..., None])[..., 0]
    return Matrices(A, S, M, tau, delta)


def imply_statistics(model: OrdinalRam, theta: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """Statistics implied at theta (…, k), in the order of `OrdinalMoments.statistics`: (…, number of statistics)."""
    at = model_matrices(model, theta)
    inner = model.inner
    place = np.searchsorted(inner, model.y)
    B = np.linalg.inv(np.eye(len(inner)) - at.A[..., inner[:, None], inner])[..., place, :]
    scale = at.delta[..., model.y]
    covariance = B @ at.S[..., inner[:, None], inner] @ np.swapaxes(B, -1, -2)
    covariance = covariance * scale[..., :, None] * scale[..., None, :]
    mean = (B @ at.M[..., inner, None])[..., 0]
    slopes = B @ at.A[..., inner[:, None], model.x] * scale[..., :, None]
    places = []
    for position, (i, level) in enumerate(zip(model.y.tolist(), model.levels, strict=True)):
        here = mean[..., position, None]
        places.append((at.tau[i] - here) * scale[..., position, None] if level else here)
    numeric = [position for position, level in enumerate(model.levels) if not level]
    first, second = pairs(len(model.y))
    slopes = np.swapaxes(slopes, -1, -2).reshape(*slopes.shape[:-2], -1)
    return np.concatenate([*places, slopes, covariance[..., numeric, numeric], covariance[..., second, first]], axis=-1)


def differentiate(
    function: Callable[[NDArray[np.complex128]], NDArray[np.complex128]], theta: Array
) -> tuple[Array, Array]:
    """Values (s,) of an analytic function of theta (k,), and their derivatives (s, k), exact to rounding.

    function  takes a stack of points (k + 1, k) to a stack of values (k + 1, s)
    """
    k = len(theta)
    points = np.tile(theta.astype(np.complex128), (k + 1, 1))
    points[np.arange(k), np.arange(k)] += 1j * COMPLEX_STEP
    values = function(points)
    return values[k].real, values[:k].imag.T / COMPLEX_STEP


def differentiate_statistics(model: OrdinalRam, theta: Array) -> tuple[Array, Array]:
    """Statistics (s,) implied at theta (k,) and their derivatives (s, k)."""
    return differentiate(partial(imply_statistics, model), theta)


def complete_cells(model: OrdinalRam, theta: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """Value of every cell at theta (…, k), residual variances of ordered variables filled in: (…, cells)."""
    ram = model.ram
    padded = np.concatenate([theta, np.zeros((*theta.shape[:-1], 1))], axis=-1)
    value = np.where(ram.free >= 0, padded[..., ram.free], ram.fixed)
    S = model_matrices(model, theta).S
    ordered = [i for i, level in zip(model.y.tolist(), model.levels, strict=True) if level]
    own = np.flatnonzero((ram.part == Part.S) & (ram.row == ram.column) & np.isin(ram.row, ordered))
    value[..., own] = S[..., ram.row[own], ram.row[own]]
    return value


def total_variances(model: OrdinalRam, theta: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """Variance of every variable at theta (…, k), what the covariates explain included: (…, m)."""
    at = model_matrices(model, theta)
    B = np.linalg.inv(np.eye(model.ram.m) - at.A)
    variances: NDArray[np.complex128] = np.einsum("...ij,...jk,...ik->...i", B, at.S, B)
    return variances
