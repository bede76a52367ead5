"""Whether moments can determine the parameters: the t-rule, and the rank of the Jacobian at random points.

Local identification by the Jacobian's rank: Wald (1950) and Fisher (1966); Bekker, Merckens & Wansbeek (1994),
Identification, Equivalent Models and Computer Algebra.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kinechain.numerics import Array
from kinechain.numerics.optimise import Constraints
from kinechain.numerics.ram import Part, Ram, differentiate_moments, imply_moments

RANK_TOLERANCE = 1e-7
POINTS = 3
"""Random points: a rank that is too low at one unlucky point is mended by another; one that is low at all is real."""


@dataclass(frozen=True, slots=True)
class Identification:
    """What the moments can tell.

    n_moments  moments that are free to differ from the model's
    rank       independent directions of the parameters that change them (or are fixed by constraints)
    n_free     free parameters
    involved   (j,) positions of parameters that can move together without any moment changing
    """

    n_moments: int
    rank: int
    n_free: int
    involved: tuple[int, ...]

    @property
    def holds(self) -> bool:
        """Whether every parameter is determined, at least locally."""
        return self.rank == self.n_free


def check_identification(
    rams: tuple[Ram, ...], start: Array, n_moments: int, constraints: Constraints | None, seed: int = 0
) -> Identification:
    """Rank of the moments' Jacobian at random points around the starting values.

    n_moments  moments (exogenous fixed ones left out) in all groups
    """
    k = len(start)
    if not k:
        return Identification(n_moments, 0, 0, ())
    rng = np.random.default_rng(seed)
    best = -1
    involved: tuple[int, ...] = ()
    for _ in range(POINTS):
        theta = random_point(rams, start, rng)
        blocks = []
        try:
            for ram in rams:
                implied = imply_moments(ram, theta)
                sd = np.sqrt(np.abs(np.diag(implied.Sigma))) + 1e-300
                d_mu, d_Sigma = differentiate_moments(ram, implied)
                rows, columns = np.tril_indices(ram.p)
                blocks += [d_mu / sd[:, None], d_Sigma[rows, columns] / (sd[rows] * sd[columns])[:, None]]
        except np.linalg.LinAlgError:
            continue
        if constraints is not None:
            blocks.append(constraints.equal(theta)[1])
        J = np.concatenate(blocks)
        if not np.isfinite(J).all():
            continue
        size = np.sqrt((J * J).sum(axis=0))
        J = J / np.where(size > 0.0, size, 1.0)
        _, singular, Vt = np.linalg.svd(J, full_matrices=True)
        rank = int((singular > RANK_TOLERANCE * max(singular[0], 1e-300)).sum()) if len(singular) else 0
        if rank > best:
            best = rank
            null = Vt[rank:]
            weight = np.abs(null).max(axis=0) if len(null) else np.zeros(k)
            involved = tuple(int(i) for i in np.flatnonzero(weight > 1e-4))
        if best == k:
            break
    return Identification(n_moments, best, k, involved if best < k else ())


def random_point(rams: tuple[Ram, ...], start: Array, rng: np.random.Generator) -> Array:
    """A point near the start, every parameter moved; paths away from zero, variances positive."""
    theta = start * rng.uniform(0.7, 1.3, len(start))
    for ram in rams:
        scale = np.ones(ram.m)
        at = (ram.part == Part.S) & (ram.row == ram.column)
        value = np.abs(ram.cells(start))
        scale[ram.row[at]] = np.sqrt(np.where(value[at] > 0.0, value[at], 1.0))
        to, free, n = scale[ram.row], ram.free, len(ram.free)
        paths = (
            rng.uniform(0.1, 0.4, n)
            * rng.choice((-1.0, 1.0), n)
            * to
            / scale[np.where(ram.part == Part.A, ram.column, 0)]
        )
        pairs = rng.uniform(-0.2, 0.2, n) * to * scale[np.where(ram.part == Part.S, ram.column, 0)]
        pairs = np.where(ram.row == ram.column, 0.0, pairs)
        moves = np.select(
            [ram.part == Part.A, ram.part == Part.S, ram.part == Part.M], [paths, pairs, rng.uniform(-0.5, 0.5, n) * to]
        )
        np.add.at(theta, free[free >= 0], moves[free >= 0])
    return theta
