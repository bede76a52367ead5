"""How strong an unmeasured common cause must be to undo each link: residual correlation, robustness, benchmarks."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from scipy.special import ndtri

from kinechain.checks.plan import CheckResult, Study
from kinechain.numerics.regression import Regression, regress
from kinechain.numerics.sensitivity import (
    benchmark_confounder,
    partial_r_limits,
    robustness_value,
    slope_given_rho,
)


def check_residual_correlation(study: Study) -> CheckResult:
    """Each link, and their product, as the residuals of its two ends correlate more and more.

    Columns: effect, rho, estimate (standardised), vanishes_at, vanishes_low, vanishes_high (95 % limits of the
    correlation that an unmeasured common cause must give the two residuals to explain the link away), weakest (whether
    the link is the first to vanish), n. The product is taken with the same correlation at every link.
    """
    grid = np.asarray(study.decisions["sensitivity.rho_grid"].values, dtype=np.float64)
    level = study.decisions.value("level")
    curves: list[tuple[str, Regression, float, np.ndarray[tuple[int], np.dtype[np.float64]]]] = []
    notes: list[str] = []
    for outcome, cause in study.plan.edges:
        fitted = _equation(study, outcome, cause)
        if isinstance(fitted, str):
            notes.append(fitted)
            continue
        regression, scale = fitted
        r = regression.partial_r(cause)
        curves.append((f"{outcome}~{cause}", regression, r, slope_given_rho(r, scale, grid)))
    rows = []
    weakest = min((abs(r) for _, _, r, _ in curves), default=math.nan)
    for effect, regression, r, curve in curves:
        low, high = partial_r_limits(r, regression.dof, level)
        for rho, estimate in zip(grid, curve, strict=True):
            rows.append((effect, rho, estimate, r, low, high, abs(r) == weakest, regression.n))
    if len(curves) == len(study.plan.edges) > 1:
        product = np.prod([curve for _, _, _, curve in curves], axis=0)
        first = min(curves, key=lambda one: abs(one[2]))
        low, high = partial_r_limits(first[2], first[1].dof, level)
        for rho, estimate in zip(grid, product, strict=True):
            rows.append((study.plan.product or "product", rho, estimate, first[2], low, high, False, first[1].n))
    columns = ["effect", "rho", "estimate", "vanishes_at", "vanishes_low", "vanishes_high", "weakest", "n"]
    return CheckResult("residual_correlation", pd.DataFrame(rows, columns=columns), tuple(notes))


def check_robustness(study: Study) -> CheckResult:
    """Robustness value of each link, beside hidden confounders as strong as each measured covariate.

    Columns: effect, estimate, std_error, robustness_value (partial R² with both ends that takes the whole estimate),
    robustness_value_alpha (that makes it lose significance), benchmark (a covariate, empty in the first row of an
    effect), times, r2_cause, r2_outcome, adjusted, adjusted_low, adjusted_high, n. Estimates are in problem space, in
    the outcome's unit per unit of the cause.
    """
    rows = []
    notes: list[str] = []
    alpha = 1 - study.decisions.value("level")
    for outcome, cause in study.plan.edges:
        fitted = _equation(study, outcome, cause)
        if isinstance(fitted, str):
            notes.append(fitted)
            continue
        regression, _ = fitted
        estimate, error, dof = regression.slope(cause), regression.std_error(cause), regression.dof
        t = regression.t(cause)
        values = (robustness_value(t, dof), robustness_value(t, dof, alpha=alpha))
        effect = f"{outcome}~{cause}"
        rows.append((effect, estimate, error, *values, "", *[math.nan] * 6, regression.n))
        others = tuple(name for name in regression.predictors if name != cause)
        names = study.moments((outcome, *regression.predictors))
        with_cause = regress(names, cause, others) if others else None
        for covariate in others:
            assert with_cause is not None
            for times in study.decisions["sensitivity.benchmark_multiple"].values:
                hidden = benchmark_confounder(
                    estimate, error, dof, with_cause.partial_r2(covariate), regression.partial_r2(covariate), times
                )
                half = float(ndtri(1 - alpha / 2)) * hidden.std_error
                rows.append(
                    (
                        effect,
                        estimate,
                        error,
                        *values,
                        covariate,
                        times,
                        hidden.r2_cause,
                        hidden.r2_outcome,
                        hidden.estimate,
                        hidden.estimate - half,
                        hidden.estimate + half,
                        regression.n,
                    )
                )
    columns = [
        "effect",
        "estimate",
        "std_error",
        "robustness_value",
        "robustness_value_alpha",
        "benchmark",
        "times",
        "r2_cause",
        "r2_outcome",
    ]
    columns += ["adjusted", "adjusted_low", "adjusted_high", "n"]
    return CheckResult("robustness", pd.DataFrame(rows, columns=columns), tuple(notes))


def _equation(study: Study, outcome: str, cause: str) -> tuple[Regression, float] | str:
    """The regression behind one link of the main model and its standardised scale, or why there is none."""
    if study.plan.main_model not in study.models:
        return f"The model {study.plan.main_model} is not fitted to this cohort."
    predictors = study.parents(outcome)
    if cause not in predictors or not study.has((outcome, *predictors)):
        return f"{outcome}~{cause} is not in {study.plan.main_model} for this cohort."
    moments = study.moments((outcome, *predictors))
    regression = regress(moments, outcome, predictors)
    r = regression.partial_r(cause)
    sd = np.sqrt(np.diag(moments.covariance))
    standardised = regression.slope(cause) * sd[1 + predictors.index(cause)] / sd[0]
    return regression, float(standardised / r) if r else math.nan
