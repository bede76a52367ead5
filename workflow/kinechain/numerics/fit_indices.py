"""How well a model fits: indices from a test statistic and its degrees of freedom.

Names and conventions are lavaan's (its help page `fitMeasures`).

RMSEA: Steiger (1990), Multivariate Behavioral Research 25, 173-180; its interval: Browne & Cudeck (1992), Sociological
Methods & Research 21, 230-258. CFI: Bentler (1990), Psychological Bulletin 107, 238-246. SRMR: Bentler (1995), EQS
manual. Robust forms: Brosseau-Liard & Savalei (2014), Multivariate Behavioral Research 49, 460-470.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import chdtr, chdtrc, chndtr, chndtrinc

from kinechain.numerics import Array

RMSEA_LEVEL = 0.90
CLOSE_FIT = 0.05
NOT_CLOSE_FIT = 0.08
ROUNDING = 1e-12
"""Relative size below which the difference of two numbers is what rounding left of them."""


def beyond_rounding(one: float, other: float) -> float:
    """one - other, and exactly 0 where the two agree to rounding: so an exact fit is 0 on every processor."""
    return 0.0 if abs(one - other) <= ROUNDING * max(abs(one), abs(other)) else one - other


@dataclass(frozen=True, slots=True)
class Rmsea:
    """Root mean square error of approximation with its 90 % interval and the p-value of close fit (.05 or less)."""

    value: float
    low: float
    high: float
    p_close: float


def p_of_chisq(chisq: float, df: float) -> float:
    """Chance of a larger statistic under the model; NaN without degrees of freedom."""
    return float(chdtrc(df, chisq)) if df > 0 else math.nan


def comparative_fit(
    chisq: float, df: float, baseline: float, baseline_df: float, c: float = 1.0, cb: float = 1.0
) -> float:
    """CFI. `c` and `cb` are the scaling factors of model and baseline in the robust form, 1 in the plain one."""
    lack = max(chisq - c * df, 0.0)
    worst = max(lack, baseline - cb * baseline_df)
    if any(math.isnan(value) for value in (chisq, baseline, c, cb)):
        return math.nan
    return 1.0 if worst <= 0.0 else 1.0 - lack / worst


def tucker_lewis(
    chisq: float, df: float, baseline: float, baseline_df: float, c: float = 1.0, cb: float = 1.0
) -> float:
    """TLI; 1 for a model without degrees of freedom. `c` and `cb` as in `comparative_fit`."""
    if any(math.isnan(value) for value in (chisq, baseline, c, cb)):
        return math.nan
    bottom = (baseline - cb * baseline_df) * df
    if df <= 0 or bottom == 0.0:
        return 1.0
    return 1.0 - (chisq - c * df) * baseline_df / bottom


def rmsea_value(chisq: float, df: float, n: int, n_groups: int = 1, c: float = 1.0) -> float:
    """RMSEA alone; `c` is the scaling factor in the robust form."""
    if df <= 0:
        return 0.0
    return math.sqrt(max(chisq / n / df - c / n, 0.0)) * math.sqrt(n_groups)


def rmsea_of(chisq: float, df: float, n: int, n_groups: int = 1, c: float = 1.0) -> Rmsea:
    """RMSEA with interval and p-value of close fit; in the robust form `chisq` has been divided by `c`."""
    if df <= 0:
        return Rmsea(0.0, 0.0, 0.0, math.nan)
    tail = (1.0 - RMSEA_LEVEL) / 2.0

    def limit(probability: float) -> float:
        if float(chdtr(df, chisq)) < probability:
            return 0.0
        noncentrality = float(chndtrinc(chisq, df, probability))
        return math.sqrt(c * noncentrality / (n * df)) * math.sqrt(n_groups)

    close = float(n * df * CLOSE_FIT**2 / n_groups / c)
    value = rmsea_value(c * chisq, df, n, n_groups, c)
    return Rmsea(value, limit(1.0 - tail), limit(tail), 1.0 - float(chndtr(chisq, df, close)))


def root_mean_square_residual(
    groups: list[tuple[Array, Array, Array, Array]], n_by_group: list[int], *, with_means: bool
) -> float:
    """SRMR over groups, weighted by people.

    groups  (sample mean (p,), sample covariance (p, p), implied mean, implied covariance) of each

    Residual correlations below ROUNDING are none: what rounding leaves of an exact fit is 0, on every processor.
    """
    total = 0.0
    for (mean, S, mu, Sigma), n in zip(groups, n_by_group, strict=True):
        sd = np.sqrt(np.diag(S))
        residual = ((S - Sigma) / np.outer(sd, sd))[np.tril_indices(len(S))]
        squares, count = float(residual @ residual), len(residual)
        if with_means:
            shift = (mean - mu) / sd
            squares, count = squares + float(shift @ shift), count + len(shift)
        of_group = math.sqrt(squares / count)
        total += n * of_group if of_group > ROUNDING else 0.0
    return total / sum(n_by_group)
