"""Is the graph contradicted? Every independence a model implies, tested."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri

from kinechain.checks.plan import CheckResult, Study
from kinechain.graph import Independence, graph_of, implied_independences
from kinechain.numerics import Array
from kinechain.numerics.imputation import em_moments
from kinechain.numerics.moments import Moments
from kinechain.numerics.multiplicity import adjust_benjamini_hochberg


def check_independences(study: Study) -> CheckResult:
    """Partial correlation of each pair that a model holds apart, given what separates it.

    Residual correlations that a model declares are honoured: pairs they join imply nothing. With gaps in the data the
    correlations are maximum-likelihood ones (EM), and the effective n is the smallest number of people who have any one
    of the variables involved; else complete rows are used.

    Columns: model, one, other, given, estimate, low, high, p_value, p_adjusted (Benjamini-Hochberg within a model),
    contradicted, n, missing.
    """
    rows = []
    notes: list[str] = []
    level, alpha = study.decisions.value("level"), study.decisions.value("alpha")
    for name, spec in study.models.items():
        graph = graph_of(spec)
        wanted = [one for one in implied_independences(graph) if study.has((one.one, one.other, *one.given))]
        if not wanted:
            notes.append(f"{name} implies no independence that could fail here: it fits whatever the data say.")
            continue
        tests = [_test(study, one, level) for one in wanted]
        adjusted = adjust_benjamini_hochberg(np.array([test[3] for test in tests]))
        for one, test, p in zip(wanted, tests, adjusted, strict=True):
            r, low, high, p_value, n, missing = test
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


def _test(study: Study, one: Independence, level: float) -> tuple[float, float, float, float, int, str]:
    names = (one.one, one.other, *one.given)
    moments, missing = _moments(study, names)
    r = partial_correlation(moments.covariance)
    half = 1 / math.sqrt(moments.n - len(one.given) - 3)
    z = math.atanh(r)
    wide = float(ndtri((1 + level) / 2)) * half
    p = float(2 * ndtr(-abs(z) / half))
    return r, math.tanh(z - wide), math.tanh(z + wide), p, moments.n, missing


def partial_correlation(covariance: Array) -> float:
    """Correlation of the first two variables given the others: from the inverse of their covariance matrix.

    covariance  (p, p)  of the pair, then of what is given

    Reference: pingouin.partial_corr.
    """
    P = np.linalg.inv(covariance)
    return float(-P[0, 1] / math.sqrt(P[0, 0] * P[1, 1]))


def _moments(study: Study, names: tuple[str, ...]) -> tuple[Moments, str]:
    people = study.cohort.people
    if people is None:
        return study.moments(names), "published moments"
    values = people[list(names)].to_numpy(dtype=np.float64)
    seen = np.isfinite(values)
    if seen.all():
        return study.moments(names), "none"
    kept = values[seen.any(axis=1)]
    mean, covariance = em_moments(kept)
    return Moments(names, mean, covariance, int(seen.sum(axis=0).min())), "maximum likelihood"
