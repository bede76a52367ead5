"""Is the graph contradicted? Every independence a model implies, tested."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri

from kinechain.checks.plan import CheckResult, Study
from kinechain.graph import Independence, graph_of, implied_independences
from kinechain.numerics import Array
from kinechain.numerics.imputation import em_moments
from kinechain.numerics.moments import Moments
from kinechain.numerics.multiplicity import adjust_benjamini_hochberg

FEWEST_LEFT = 5
"""Degrees of freedom a partial correlation must leave for its interval to mean anything."""


def check_independences(study: Study) -> CheckResult:
    """Partial correlation of each pair that a model holds apart, given what separates it.

    Residual correlations that a model declares are honoured: pairs they join imply nothing. With gaps in the data the
    correlations are maximum-likelihood ones (EM over every variable of the models at once), and the effective n is the
    smallest number of people who have any one of the variables involved.

    Columns: model, one, other, given, estimate, low, high, p_value, p_adjusted (Benjamini-Hochberg within a model),
    contradicted, n, missing.
    """
    rows = []
    notes: list[str] = []
    level, alpha = study.decisions.value("level"), study.decisions.value("alpha")
    moments, seen, missing = _moments(study)
    for name, spec in study.models.items():
        graph = graph_of(spec)
        implied = [one for one in implied_independences(graph) if study.has((one.one, one.other, *one.given))]
        wanted = [one for one in implied if _people(seen, one) > len(one.given) + FEWEST_LEFT]
        if len(wanted) < len(implied):
            notes.append(f"{name}: {len(implied) - len(wanted)} of {len(implied)} independences have too few people.")
        if not implied:
            notes.append(f"{name} implies no independence that could fail here: it fits whatever the data say.")
            continue
        tests = [_test(moments, seen, one, level) for one in wanted]
        adjusted = adjust_benjamini_hochberg(np.array([test[3] for test in tests]))
        for one, test, p in zip(wanted, tests, adjusted, strict=True):
            r, low, high, p_value, n = test
            rows.append(
                (
                    name,
                    one.one,
                    one.other,
                    ", ".join(one.given),
                    r,
                    low,
                    high,
                    p_value,
                    float(p),
                    bool(p < alpha),
                    n,
                    missing,
                )
            )
    columns = [
        "model",
        "one",
        "other",
        "given",
        "estimate",
        "low",
        "high",
        "p_value",
        "p_adjusted",
        "contradicted",
        "n",
        "missing",
    ]
    return CheckResult("independences", pd.DataFrame(rows, columns=columns), tuple(notes))


def _test(
    moments: Moments, seen: Mapping[str, int], one: Independence, level: float
) -> tuple[float, float, float, float, int]:
    names = (one.one, one.other, *one.given)
    r = partial_correlation(moments.select(names).covariance)
    n = _people(seen, one)
    half = 1 / math.sqrt(n - len(one.given) - 3)
    z = math.atanh(r)
    wide = float(ndtri((1 + level) / 2)) * half
    return r, math.tanh(z - wide), math.tanh(z + wide), float(2 * ndtr(-abs(z) / half)), n


def _people(seen: Mapping[str, int], one: Independence) -> int:
    return min(seen[name] for name in (one.one, one.other, *one.given))


def partial_correlation(covariance: Array) -> float:
    """Correlation of the first two variables given the others: from the inverse of their covariance matrix.

    covariance  (p, p)  of the pair, then of what is given

    Raises LinAlgError when the correlation reaches 1, or the matrix has no inverse.

    Reference: pingouin.partial_corr.
    """
    P = np.linalg.inv(covariance)
    r = float(-P[0, 1] / math.sqrt(abs(P[0, 0] * P[1, 1])))
    if not abs(r) < 1:
        raise np.linalg.LinAlgError("a partial correlation reaches 1")
    return r


def _moments(study: Study) -> tuple[Moments, dict[str, int], str]:
    """Moments of every variable of the models, how many people have each, and what was done about gaps."""
    listed = (name for spec in study.models.values() for name in spec.table.observed)
    names = tuple(name for name in dict.fromkeys(listed) if study.has((name,)))
    people = study.cohort.people
    if people is None:
        moments = study.moments(names)
        return moments, dict.fromkeys(names, moments.n), "published moments"
    values = people[list(names)].to_numpy(dtype=np.float64)
    seen = np.isfinite(values)
    counts = dict(zip(names, seen.sum(axis=0).tolist(), strict=True))
    if seen.all():
        return study.moments(names), counts, "none"
    first, place = _apart(values)
    mean, covariance = em_moments(values[seen.any(axis=1)][:, first])
    return Moments(names, mean[place], covariance[np.ix_(place, place)], len(values)), counts, "maximum likelihood"


def _apart(values: Array) -> tuple[list[int], list[int]]:
    """Columns that differ from one another, and for every column its place among them.

    One measure enters under several names: a construct and its measure, a first visit and the value at the start.
    Given one of them the other has no variance left, and a covariance matrix of both has no inverse.
    """
    places: dict[bytes, int] = {}
    place = [places.setdefault(column.tobytes(), len(places)) for column in values.T]
    return [place.index(one) for one in places.values()], place
