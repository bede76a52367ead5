"""A synthetic twin of a cohort: rows of nobody with the very moments of the people, so that linear models repeat.

Made for data that may not leave. Whoever has the twin gets the same coefficients and normal-theory standard errors of
every linear model of its variables; nothing else about it is true: no tail, no curve, no interaction, no subgroup.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from kinechain.cohort import Cohort
from kinechain.decisions import Decisions
from kinechain.estimators import fit_model
from kinechain.fit import Fit, row_gradients, row_values, std_errors_of
from kinechain.numerics import Array
from kinechain.numerics.moments import moments_from_data
from kinechain.numerics.twin import exact_rows, nearest_distances
from kinechain.parameter_table import row_name
from kinechain.spec import ModelSpec

LABEL = "for reproducing, not for discovery"
COLUMN = "synthetic_twin"
"""Column of the file that says so in every row."""
EXACT = 1e-10
"""Difference, in units of the larger of the two and one, up to which coefficients and standard errors are the same."""
TRIES = 10
MATCH = 1e-6
"""Difference in standard deviations below which two rows are the same person's."""
FEW_LEVELS = 10
"""Distinct values up to which a variable is one of categories."""
SHARES = tuple(round(0.05 * step, 2) for step in range(1, 20))
"""Shares at which distances are shown; none of them is a single person's."""


@dataclass(frozen=True, slots=True)
class Audit:
    """How near the twin comes to real people.

    distances  share, distance of real people to the nearest other one, of twin rows to the nearest real person: in
               standard deviations over all variables
    near       share of twin rows nearer to a real person than the nearest 5 % of real people are to another
    matches    twin rows that are a real person's
    """

    distances: pd.DataFrame
    near: float
    matches: int


@dataclass(frozen=True, slots=True)
class Twin:
    """A twin, or why there is none.

    rows     synthetic people, one column a variable; None when it was refused
    n        people whose moments it has: those with every variable
    left     people of the cohort without some variable, whose values are in nothing of this
    refused  reasons, in words without any person's value
    """

    cohort: str
    names: tuple[str, ...]
    rows: pd.DataFrame | None
    n: int
    left: int
    audit: Audit | None
    refused: tuple[str, ...] = ()


def linear(spec: ModelSpec) -> ModelSpec:
    """The model as a twin can repeat it: maximum likelihood on complete rows, normal-theory standard errors."""
    return replace(spec, estimator="ml", missing="listwise")


def variables_of(specs: Sequence[ModelSpec]) -> tuple[str, ...]:
    """Observed variables of the models, each once, in order of appearance."""
    return tuple(dict.fromkeys(name for spec in specs for name in spec.table.observed))


def make_twin(cohort: Cohort, specs: Sequence[ModelSpec], decisions: Decisions, seed: int, smallest: int) -> Twin:
    """The twin of those people of a cohort who have every variable of the models; refused where it would tell too much.

    smallest  smallest count of people that may be shown

    The gate asks for people enough for the variables and for no rare category; the audit for distances to real people
    as real people keep among themselves. Rows are drawn again, at most ten times, until the audit is passed.
    """
    names = variables_of(specs)
    if cohort.people is None:
        reason = "A published table of moments is all there is of this cohort: anybody can use the table itself."
        return Twin(cohort.name, names, None, cohort.n, 0, None, (reason,))
    people = cohort.people[list(names)].to_numpy(dtype=np.float64)
    real = people[np.isfinite(people).all(axis=1)]
    left = len(people) - len(real)
    refused = gate(real, names, decisions, smallest)
    if refused:
        return Twin(cohort.name, names, None, len(real), left, None, refused)
    moments = moments_from_data(names, real)
    audit = None
    for attempt in range(TRIES):
        key = (zlib.crc32(cohort.name.encode()), zlib.crc32(b"twin"), attempt)
        rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=key)))
        rows = exact_rows(moments.mean, moments.covariance, len(real), rng)
        audit = audit_twin(real, rows)
        if audit.matches == 0 and audit.near <= decisions.value("twin.near_share"):
            return Twin(cohort.name, names, pd.DataFrame(rows, columns=list(names)), len(real), left, audit)
    reason = "Of ten twins none kept from real people the distance they keep among themselves."
    return Twin(cohort.name, names, None, len(real), left, audit, (reason,))


def gate(real: Array, names: Sequence[str], decisions: Decisions, smallest: int) -> tuple[str, ...]:
    """Why no twin of these people may be made, in words; empty when one may.

    real  (n, p) complete rows
    """
    n, p = real.shape
    refused = []
    needed = max(int(decisions.value("twin.people_per_variable")) * p, p + 1 + int(decisions.value("twin.residual_df")))
    if n < needed:
        have = f"{n} people" if n >= smallest else f"fewer than {smallest} people"
        refused.append(f"{have} have all {p} variables; {needed} are needed. Name fewer models.")
        return tuple(refused)
    for place, name in enumerate(names):
        values, counts = np.unique(real[:, place], return_counts=True)
        if len(values) == 1:
            refused.append(f"`{name}` has one value only among these people.")
        elif len(values) <= FEW_LEVELS and counts.min() < smallest:
            refused.append(
                f"`{name}` has a category of fewer than {smallest} people, whose means the moments would tell."
            )
    return tuple(refused)


def audit_twin(real: Array, rows: Array) -> Audit:
    """Distances of twin rows to real people against those of real people to one another."""
    scale = real.std(axis=0)
    Z, T = (real - real.mean(axis=0)) / scale, (rows - real.mean(axis=0)) / scale
    among, across = nearest_distances(Z), nearest_distances(T, Z)
    table = pd.DataFrame(
        {
            "share": SHARES,
            "real_to_real": np.quantile(among, SHARES),
            "twin_to_real": np.quantile(across, SHARES),
        }
    )
    near = float((across < np.quantile(among, 0.05)).mean())
    matches = int((across < MATCH * np.sqrt(real.shape[1])).sum())
    return Audit(table, near, matches)


def linear_numbers(spec: ModelSpec, data: pd.DataFrame) -> dict[str, tuple[float, float]]:
    """Parameter -> coefficient and standard error of a linear model on complete rows; NaN when it has no optimum."""
    fit: Fit = fit_model(linear(spec), data[list(spec.table.observed)])
    errors = std_errors_of(row_gradients(fit), fit.covariance)
    pairs = zip(fit.table.rows, row_values(fit), errors, strict=True)
    return {row_name(row): (float(value), float(error)) for row, value, error in pairs if row.free}


def furthest(a: Mapping[str, Sequence[float]], b: Mapping[str, Sequence[float]]) -> float:
    """Largest difference of coefficients and standard errors, in units of the larger of the two and one.

    Infinite when the parameters are not the same, or a number is missing.
    """
    if a.keys() != b.keys():
        return np.inf
    pairs = [(x, y) for name in a for x, y in zip(a[name], b[name], strict=True)]
    gaps = [abs(x - y) / max(1.0, abs(x), abs(y)) for x, y in pairs]
    return max((gap if np.isfinite(gap) else np.inf for gap in gaps), default=np.inf)
