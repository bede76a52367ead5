"""Missing not at random: each link if the values nobody saw lie higher or lower than the others predict."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from kinechain.checks.plan import CheckResult, Study
from kinechain.numerics import Array
from kinechain.numerics.imputation import impute, pool
from kinechain.numerics.regression import fit_rows

IMPUTATIONS = 20


def check_missing(study: Study) -> CheckResult:
    """Each link under multiple imputation, its outcome's unseen values shifted by delta standard deviations.

    Imputations are proper (EM with bootstrapping) from all variables of the main model; delta 0 is missing at random.
    One set of imputations serves every delta, so that only the shift moves the estimate.

    Columns: effect, delta, estimate (standardised), low, high, missing_outcome (share), same_side (whether the interval
    is on the same side of zero as at delta 0), n.
    """
    columns = ["effect", "delta", "estimate", "low", "high", "missing_outcome", "same_side", "n"]
    people, spec = study.cohort.people, study.models.get(study.plan.main_model)
    if people is None or spec is None:
        return CheckResult("missing", pd.DataFrame(columns=columns), ("Rows of people are needed.",))
    names = spec.table.observed
    values = people[list(names)].to_numpy(dtype=np.float64)
    values = values[np.isfinite(values).any(axis=1)]
    gaps = np.isnan(values)
    if not gaps.any():
        return CheckResult("missing", pd.DataFrame(columns=columns), ("Nothing is missing.",))
    sequence = np.random.SeedSequence(study.seed, spawn_key=(2,))
    filled = [impute(values, np.random.default_rng(child)) for child in sequence.spawn(IMPUTATIONS)]
    rows: list[tuple[object, ...]] = []
    for outcome, cause in study.plan.edges:
        predictors = study.parents(outcome)
        if cause not in predictors:
            continue
        at = [names.index(name) for name in (outcome, cause, *(name for name in predictors if name != cause))]
        results = {}
        for delta in sorted(study.decisions["sensitivity.delta_grid"].values):
            results[delta] = _shifted(filled, gaps, at, delta, study.decisions.value("level"))
        base = _side(results[0.0]) if 0.0 in results else None
        share = float(gaps[:, at[0]].mean())
        for delta, (estimate, low, high) in results.items():
            same = None if base is None else _side((estimate, low, high)) == base
            rows.append((f"{outcome}~{cause}", delta, estimate, low, high, share, same, len(values)))
    return CheckResult("missing", pd.DataFrame(rows, columns=columns))


def _shifted(
    filled: list[Array],
    gaps: np.ndarray[tuple[int, ...], np.dtype[np.bool_]],
    at: list[int],
    delta: float,
    level: float,
) -> tuple[float, float, float]:
    estimates, variances = [], []
    for complete in filled:
        data = complete[:, at].copy()
        data[gaps[:, at[0]], 0] += delta * data[:, 0].std()
        data = (data - data.mean(axis=0)) / data.std(axis=0)
        beta, V = fit_rows(data[:, 0], np.column_stack([np.ones(len(data)), data[:, 1:]]))
        estimates.append([beta[1]])
        variances.append([V[1, 1]])
    pooled = pool(np.array(estimates), np.array(variances))
    half = float(stdtrit(pooled.dof[0], (1 + level) / 2) * pooled.std_error[0])
    estimate = float(pooled.estimate[0])
    return estimate, estimate - half, estimate + half


def _side(limits: tuple[float, float, float]) -> int:
    _, low, high = limits
    return 1 if low > 0 else -1 if high < 0 else 0
