"""Negative controls: pairs that the chain cannot join."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import stdtr, stdtrit

from kinechain.checks.plan import CheckResult, Study
from kinechain.numerics.regression import regress


def check_negative_controls(study: Study) -> CheckResult:
    """The standardised path of each declared pair, and what it says about bias.

    Columns: control, adjusted_for, estimate, low, high, low_90, high_90, p_value, verdict (clean, when the 90 %
    interval lies inside the smallest effect of interest; bias, when the 95 % interval leaves zero out and the estimate
    is not inside; open otherwise), why, n.
    """
    rows = []
    notes: list[str] = []
    sesoi = study.decisions.value("sesoi.standardised_path")
    levels = [study.decisions.value(name) for name in ("level", "equivalence_level")]
    for control in study.plan.negative_controls:
        if not study.has(control.needs):
            notes.append(f"{control.text}: the cohort lacks one of the two.")
            continue
        covariates = study.covariates(control.adjust, control.outcome, control.exposure)
        moments = study.moments((control.outcome, control.exposure, *covariates))
        fitted = regress(moments, control.outcome, (control.exposure, *covariates))
        sd = np.sqrt(np.diag(moments.covariance))
        scale = sd[1] / sd[0]
        estimate, error = fitted.slope(control.exposure) * scale, fitted.std_error(control.exposure) * scale
        ends = [float(stdtrit(fitted.dof, (1 + level) / 2)) * error for level in levels]
        low, high, low_90, high_90 = estimate - ends[0], estimate + ends[0], estimate - ends[1], estimate + ends[1]
        clean = -sesoi < low_90 and high_90 < sesoi
        verdict = "clean" if clean else "bias" if low > 0 or high < 0 else "open"
        p = float(2 * stdtr(fitted.dof, -abs(estimate / error)))
        rows.append(
            (
                control.text,
                ", ".join(covariates),
                estimate,
                low,
                high,
                low_90,
                high_90,
                p,
                verdict,
                control.why,
                moments.n,
            )
        )
    columns = [
        "control",
        "adjusted_for",
        "estimate",
        "low",
        "high",
        "low_90",
        "high_90",
        "p_value",
        "verdict",
        "why",
        "n",
    ]
    return CheckResult("negative_controls", pd.DataFrame(rows, columns=columns), tuple(notes))
