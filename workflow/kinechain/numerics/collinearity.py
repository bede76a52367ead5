"""Exact linear relations among variables, found in their covariances and told in their names."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kinechain.numerics import Array

EXACT = 1e-10
"""Smallest eigenvalue of a correlation matrix that rounding in double precision can hide."""
ROUNDING = 0.6
"""Size of the eigenvalues of rounding errors of one unit, per root of the number of variables: 2 / sqrt(12)."""


def invert_crossproducts(X: Array) -> Array:
    """Inverse of X'X, for least squares.

    X        (n, k)  complete
    returns  (k, k)

    Raises numpy.linalg.LinAlgError when the columns repeat one another. Whether an inversion meets an exact zero then
    hangs on rounding and so on the processor; the eigenvalues of X'X, each column at length one, do not.
    """
    square = X.T @ X
    length = np.sqrt(np.diag(square))
    if not (length > 0).all() or np.linalg.eigvalsh(square / np.outer(length, length))[0] < EXACT * len(square):
        raise np.linalg.LinAlgError("Singular matrix")
    return np.asarray(np.linalg.inv(square), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Relation:
    """Variables that together have no freedom.

    members       their positions
    coefficients  of each in the relation that is constant, in raw units, the largest share scaled to -1
    """

    members: tuple[int, ...]
    coefficients: tuple[float, ...]


def find_relations(S: Array, *, is_published: bool = False) -> tuple[Relation, ...]:
    """Relations that hold exactly, or to rounding when the moments were published with few decimals.

    S  (p, p)  covariances with positive variances
    """
    sd = np.sqrt(np.diag(S))
    R = S / np.outer(sd, sd)
    values, vectors = np.linalg.eigh(R)
    limit = EXACT * len(R)
    if is_published:
        limit = max(limit, ROUNDING * np.sqrt(len(R)) * _decimals_unit(R))
    chosen = np.abs(values) < limit
    n_null = int(chosen.sum())
    if not n_null:
        return ()
    # Row-reduced null space: each relation in as few variables as it needs.
    null = vectors[:, chosen].T.copy()
    relations = []
    free = list(range(len(R)))
    for row in range(n_null):
        rest = np.abs(null[row:][:, free])
        at, column = divmod(int(np.argmax(rest)), len(free))
        pivot = free.pop(column)
        null[[row, row + at]] = null[[row + at, row]]
        null[row] /= null[row, pivot]
        for other in range(n_null):
            if other != row:
                null[other] -= null[other, pivot] * null[row]
    for vector in null:
        weights = vector / sd
        share = np.abs(vector)
        members = np.flatnonzero(share > (0.02 if is_published else 1e-4))
        weights = weights / -weights[members[np.argmax(share[members])]]
        relations.append(Relation(tuple(int(m) for m in members), tuple(float(weights[m]) for m in members)))
    return tuple(relations)


def _decimals_unit(R: Array) -> float:
    """Smallest 10^-d such that all correlations have d decimals; 0 for more than 4, or for round numbers of 1."""
    if np.abs(R - R.round(1)).max() < 1e-9:
        return 0.0
    for decimals in range(2, 5):
        if np.abs(R - R.round(decimals)).max() < 1e-9:
            return float(10.0**-decimals)
    return 0.0


def describe_relation(names: tuple[str, ...], relation: Relation) -> str:
    """The relation as a sentence: `pi` is an exact sum or difference of `pt` and `ss`."""
    lead = relation.coefficients.index(-1.0) if -1.0 in relation.coefficients else 0
    others = [
        (names[m], c)
        for position, (m, c) in enumerate(zip(relation.members, relation.coefficients, strict=True))
        if position != lead
    ]
    terms = ""
    for name, weight in others:
        size = "" if abs(abs(weight) - 1.0) < 0.02 else f"{abs(weight):.3g}*"
        sign = (" - " if weight < 0 else " + ") if terms else ("-" if weight < 0 else "")
        terms += f"{sign}{size}`{name}`"
    subject = names[relation.members[lead]]
    return f"`{subject}` adds nothing to the others: `{subject}` = {terms or 'a constant'} (up to a constant)"
