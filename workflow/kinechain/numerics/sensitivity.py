"""How strong something unmeasured must be to undo an effect."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri, stdtrit

from kinechain.numerics import Array


def partial_r_limits(r: float, dof: int, level: float) -> tuple[float, float]:
    """Interval of a partial correlation by Fisher's z.

    dof  residual degrees of freedom of the regression the correlation comes from; z has variance 1 / (dof - 1)
    """
    z, half = math.atanh(r), float(ndtri((1 + level) / 2)) / math.sqrt(dof - 1)
    return math.tanh(z - half), math.tanh(z + half)


def slope_given_rho(r: float, scale: float, rho: Array) -> Array:
    """Slope of one arrow if the residuals of its two ends correlate by rho.

    r        partial correlation of outcome and cause given the other predictors, as observed
    scale    residual standard deviation of the outcome over that of the cause, both given the others
    rho      (m,)  correlation of the two structural residuals, each in (-1, 1)
    returns  (m,)  slope; zero where rho equals r

    With standardised residuals r = b + rho s and 1 = r² + s² (1 - rho²), hence b = r - rho sqrt((1 - r²)/(1 - rho²)):
    Imai, Keele & Yamamoto (2010), doi 10.1214/10-STS321, theorem 4, for one arrow.
    """
    return np.asarray(scale * (r - rho * np.sqrt((1 - r**2) / (1 - rho**2))), dtype=np.float64)


def robustness_value(t: float, dof: int, *, share: float = 1.0, alpha: float | None = None) -> float:
    """Robustness value: the partial R² that a confounder needs with both cause and outcome to take `share` of an
    estimate away, or to make it lose significance at `alpha`.

    t      estimate over standard error
    dof    residual degrees of freedom

    Cinelli & Hazlett (2020), doi 10.1111/rssb.12348, section 4.2; the case for a cut-off beyond reach follows the
    authors' R package sensemakr.
    """
    f = share * abs(t) / math.sqrt(dof)
    cut = 0.0 if alpha is None else float(stdtrit(dof - 1, 1 - alpha / 2)) / math.sqrt(dof - 1)
    left = f - cut
    if left <= 0:
        return 0.0
    if cut > 0 and f > 1 / cut:
        return (f**2 - cut**2) / (1 + f**2)
    return 0.5 * (math.sqrt(left**4 + 4 * left**2) - left**2)


@dataclass(frozen=True, slots=True)
class HiddenConfounder:
    """A confounder so many times as strong as a measured covariate.

    r2_cause    its partial R² with the cause, given the covariates
    r2_outcome  its partial R² with the outcome, given cause and covariates
    estimate    the slope once it is allowed for; NaN when such a confounder is impossible
    std_error   of that slope
    """

    r2_cause: float
    r2_outcome: float
    estimate: float
    std_error: float


def benchmark_confounder(
    estimate: float, std_error: float, dof: int, r2_cause: float, r2_outcome: float, times: float
) -> HiddenConfounder:
    """What a hidden confounder `times` as strong as a measured covariate would leave of a slope.

    estimate, std_error, dof  of the slope, from the regression with all covariates
    r2_cause                  partial R² of the covariate with the cause, given the other covariates
    r2_outcome                partial R² of the covariate with the outcome, given cause and other covariates

    Cinelli & Hazlett (2020), doi 10.1111/rssb.12348, section 4.4; the bias is taken toward zero.
    """
    impossible = HiddenConfounder(math.nan, math.nan, math.nan, math.nan)
    with_cause = times * r2_cause / (1 - r2_cause)
    if with_cause >= 1 or times * r2_cause >= 1:
        return impossible
    between = times * r2_cause**2 / ((1 - times * r2_cause) * (1 - r2_cause))
    if between >= 1:
        return impossible
    with_outcome = (
        ((math.sqrt(times) + math.sqrt(between)) / math.sqrt(1 - between)) ** 2 * r2_outcome / (1 - r2_outcome)
    )
    with_outcome = min(with_outcome, 1.0)
    bias = std_error * math.sqrt(dof) * math.sqrt(with_outcome * with_cause / (1 - with_cause))
    error = std_error * math.sqrt((1 - with_outcome) / (1 - with_cause) * dof / (dof - 1))
    return HiddenConfounder(with_cause, with_outcome, estimate - math.copysign(bias, estimate), error)


def e_value(ratio: float) -> float:
    """E-value of a risk ratio: the ratio by which a confounder must be tied to both cause and outcome to explain it.

    VanderWeele & Ding (2017), doi 10.7326/M16-2607.
    """
    high = max(ratio, 1 / ratio)
    return high + math.sqrt(high * (high - 1))


def e_value_of_interval(low: float, high: float) -> float:
    """E-value of the limit nearer to 1; 1 when the interval holds 1 already."""
    if low <= 1 <= high:
        return 1.0
    return e_value(low if low > 1 else high)
