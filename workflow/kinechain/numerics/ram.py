"""Moments that a path model implies, with their first and second derivatives, in RAM notation.

Variables v = A v + u with cov(u) = S and means M of u; B = (I - A)^-1, E = B S B' are the covariances and nu = B M the
means of all m variables, of which the first p are observed. McArdle & McDonald (1984), British Journal of Mathematical
and Statistical Psychology 37, 234-251; derivatives by differentiating B = (I - A)^-1 directly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from kinechain.numerics import Array

Index = NDArray[np.intp]


class Part:
    """The matrix a parameter stands in, as a plain number: it is compared with arrays in the innermost loops."""

    A: Final = 0
    S: Final = 1
    M: Final = 2
    TAU: Final = 3
    DELTA: Final = 4


@dataclass(frozen=True, slots=True)
class Ram:
    """Where the parameters of one group stand.

    names   m variables: the p observed, then the latent
    p       observed variables
    part    (c,) Part of each parameter (cell); a cell of S stands for both of its triangles
    row     (c,) its row: for A the outcome; for M, TAU and DELTA the variable
    column  (c,) its column: for A the predictor; for TAU the number of the threshold from 0; else 0
    free    (c,) position among the k free parameters, -1 when fixed; equal cells share one
    fixed   (c,) value when fixed, else 0
    k       free parameters of the whole model
    means   whether means are part of the model
    """

    names: tuple[str, ...]
    p: int
    part: Index
    row: Index
    column: Index
    free: Index
    fixed: Array
    k: int
    means: bool

    @property
    def m(self) -> int:
        """All variables."""
        return len(self.names)

    def cells(self, theta: Array) -> Array:
        """(c,) value of every cell for the free parameters theta (k,)."""
        if not self.k:
            return self.fixed
        return np.where(self.free >= 0, theta[self.free], self.fixed)

    def select(self, part: int, *, only_free: bool = True) -> Index:
        """Positions of the cells of one matrix."""
        chosen = self.part == part
        return np.flatnonzero(chosen & (self.free >= 0) if only_free else chosen)

    def gather(self, cell_columns: Array, cells: Index) -> Array:
        """Columns for cells summed into columns for free parameters: (..., len(cells)) to (..., k)."""
        out = np.zeros((*cell_columns.shape[:-1], self.k))
        free = self.free[cells]
        if not len(free) or np.bincount(free).max() == 1:
            out[..., free] = cell_columns
        else:
            choice = np.zeros((len(cells), self.k))
            choice[np.arange(len(cells)), free] = 1.0
            out[...] = cell_columns @ choice
        return out


@dataclass(frozen=True, slots=True)
class Implied:
    """What the model implies at one point.

    mu     (p,)    means of the observed variables (zero when means are not part of the model)
    Sigma  (p, p)  covariances of the observed variables
    A      (m, m)  paths, from column to row
    S      (m, m)  covariances of what the paths leave unexplained
    B      (m, m)  total effects with the identity, (I - A)^-1
    E      (m, m)  covariances of all variables
    nu     (m,)    means of all variables
    """

    mu: Array
    Sigma: Array
    A: Array
    S: Array
    B: Array
    E: Array
    nu: Array


def imply_moments(ram: Ram, theta: Array) -> Implied:
    """Moments implied by the free parameters theta (k,).

    Raises numpy.linalg.LinAlgError if I - A is singular: the paths form a loop that feeds itself fully.
    """
    m, p = ram.m, ram.p
    value = ram.cells(theta)
    A, S, M = np.zeros((m, m)), np.zeros((m, m)), np.zeros(m)
    at = ram.part == Part.A
    A[ram.row[at], ram.column[at]] = value[at]
    at = ram.part == Part.S
    S[ram.row[at], ram.column[at]] = value[at]
    S[ram.column[at], ram.row[at]] = value[at]
    at = ram.part == Part.M
    M[ram.row[at]] = value[at]
    B = np.asarray(np.linalg.inv(np.eye(m) - A), dtype=np.float64)
    E: Array = B @ S @ B.T
    nu = B @ M
    return Implied(nu[:p], E[:p, :p], A, S, B, E, nu)


def differentiate_moments(ram: Ram, implied: Implied, *, every: bool = False) -> tuple[Array, Array]:
    """Derivatives of means and covariances by the free parameters.

    every    also for the latent variables: q = m instead of q = p
    returns  (q, k) and (q, q, k)
    """
    q = ram.m if every else ram.p
    B, E = implied.B[:q], implied.E[:q]
    a, s, mean = ram.select(Part.A), ram.select(Part.S), ram.select(Part.M)
    by_a = B[:, None, ram.row[a]] * E[None, :, ram.column[a]]
    by_s = B[:, None, ram.row[s]] * B[None, :, ram.column[s]]
    by_s *= np.where(ram.row[s] == ram.column[s], 0.5, 1.0)
    both = np.concatenate([by_a, by_s], axis=2)
    both += both.transpose(1, 0, 2)
    d_Sigma = ram.gather(both, np.concatenate([a, s]))
    if not ram.means:
        return np.zeros((q, ram.k)), d_Sigma
    d_mu = np.concatenate([B[:, ram.row[a]] * implied.nu[ram.column[a]], B[:, ram.row[mean]]], axis=1)
    return ram.gather(d_mu, np.concatenate([a, mean])), d_Sigma


def curve_moments(ram: Ram, implied: Implied, G: Array, h: Array) -> Array:
    """Second derivatives of tr(G Sigma) + h' mu by the free parameters, for constant G (p, p) symmetric and h (p,).

    returns  (k, k)
    """
    p, B, E = ram.p, implied.B, implied.E
    GB = G @ B[:p]
    P = B[:p].T @ GB
    Q = GB.T @ E[:p]
    w = B[:p].T @ h if ram.means else np.zeros(ram.m)
    nu = implied.nu
    a, s, mean = ram.select(Part.A), ram.select(Part.S), ram.select(Part.M)
    i, j = ram.row[a][:, None], ram.column[a][:, None]
    k, l = ram.row[a][None, :], ram.column[a][None, :]  # noqa: E741 - i, j, k, l are the indices of the derivation
    by_aa = 2.0 * (B[l, i] * Q[k, j] + P[i, k] * E[l, j] + Q[i, l] * B[j, k])
    by_aa += B[l, i] * w[k] * nu[j] + w[i] * B[j, k] * nu[l]
    k, l = ram.row[s][None, :], ram.column[s][None, :]  # noqa: E741 - as above
    by_as = 2.0 * (P[i, k] * B[j, l] + P[i, l] * B[j, k]) * np.where(k == l, 0.5, 1.0)
    by_am = w[i] * B[j, ram.row[mean][None, :]] if ram.means else np.zeros((len(a), 0))
    if not ram.means:
        mean = mean[:0]
    cells = np.concatenate([a, s, mean])
    n_a = len(a)
    full = np.zeros((len(cells), len(cells)))
    full[:n_a, :n_a] = by_aa
    full[:n_a, n_a:] = np.concatenate([by_as, by_am], axis=1)
    full[n_a:, :n_a] = full[:n_a, n_a:].T
    return ram.gather(ram.gather(full, cells).T, cells)
