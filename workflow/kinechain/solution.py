"""The estimates of every row, raw and standardised, each with its derivatives by the free parameters.

Standardisation as in lavaan: std.all divides by the standard deviations of all variables, std.lv by those of the latent
ones only; a residual covariance becomes a residual correlation.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np

from kinechain.fit import Fit, row_values
from kinechain.numerics import Array
from kinechain.numerics.ram import differentiate_moments, imply_moments
from kinechain.parameter_table import ParameterTable

if TYPE_CHECKING:
    from kinechain.numerics.wls import WlsModel

Scale = Literal["all", "lv"]


@dataclass(frozen=True, slots=True)
class Solution:
    """What a fit says about every row of its table, as functions of the k free parameters.

    values           (r,)       estimate of each row: free, fixed, or taken from the sample
    value_slopes     (r, k)     its derivatives
    variances        (G, m)     total variance of every variable in each group: observed, then latent
    variance_slopes  (G, m, k)  their derivatives
    """

    values: Array
    value_slopes: Array
    variances: Array
    variance_slopes: Array


def solve_rows(fit: Fit) -> Solution:
    """Values and variances at the estimates; NaN throughout where the fit has no numbers.

    Variances are NaN where the fit defines no standardised solution.
    """
    if fit.ordinal is not None and fit.status.has_numbers:
        return _solve_ordinal(fit.ordinal, fit.estimates)
    table, k = fit.table, len(fit.estimates)
    values = row_values(fit)
    slopes = np.zeros((len(table.rows), k))
    for position, row in enumerate(table.rows):
        if row.free:
            slopes[position, row.free - 1] = 1.0
    m = len(table.observed) + len(table.latent)
    variances = np.full((len(fit.groups), m), np.nan)
    variance_slopes = np.full((len(fit.groups), m, k), np.nan)
    if fit.status.has_numbers and "standardised" not in fit.undefined:
        each = np.arange(m)
        for number, group in enumerate(fit.groups):
            implied = imply_moments(group.ram, fit.estimates)
            _, d_Sigma = differentiate_moments(group.ram, implied, every=True)
            variances[number], variance_slopes[number] = np.diag(implied.E), d_Sigma[each, each]
    elif not fit.status.has_numbers:
        values = np.full(len(table.rows), np.nan)
    return Solution(values, slopes, variances, variance_slopes)


def _solve_ordinal(model: WlsModel, theta: Array) -> Solution:
    """The same for ordered outcomes, whose residual variances follow from all parameters."""
    from kinechain.numerics.ordinal_model import complete_cells, differentiate, total_variances

    values, value_slopes, variances, variance_slopes = [], [], [], []
    for group in model.groups:
        cells, slopes = differentiate(partial(complete_cells, group.model), theta)
        values.append(cells)
        value_slopes.append(slopes)
        total, slopes = differentiate(partial(total_variances, group.model), theta)
        variances.append(total)
        variance_slopes.append(slopes)
    return Solution(
        np.concatenate(values), np.concatenate(value_slopes), np.array(variances), np.array(variance_slopes)
    )


def standardise_rows(table: ParameterTable, solution: Solution, scale: Scale) -> tuple[Array, Array]:
    """Standardised estimate of every row and its derivatives: (r,), (r, k).

    Every standardised value is the raw one times powers of variances, so its derivative follows by logarithms.
    """
    names = (*table.observed, *table.latent)
    place = {name: position for position, name in enumerate(names)}
    residual = {(row.lhs, row.group): at for at, row in enumerate(table.rows) if row.op == "~~" and row.lhs == row.rhs}
    scaled = set(table.latent) if scale == "lv" else set(names)
    standard, slopes = solution.values.copy(), solution.value_slopes.copy()
    with np.errstate(all="ignore"):
        for at, row in enumerate(table.rows):
            powers = _powers(row.op, row.lhs, row.rhs, scaled)
            if not powers:
                continue
            factor, relative = 1.0, np.zeros(slopes.shape[1])
            for name, power, is_residual in powers:
                own = residual.get((name, row.group))
                if is_residual and own is not None:
                    variance, slope = solution.values[own], solution.value_slopes[own]
                else:
                    variance = solution.variances[row.group - 1, place[name]]
                    slope = solution.variance_slopes[row.group - 1, place[name]]
                factor *= np.abs(variance) ** power
                relative = relative + power * slope / variance
            standard[at] = solution.values[at] * factor
            slopes[at] = solution.value_slopes[at] * factor + standard[at] * relative
    return standard, slopes


def _powers(op: str, lhs: str, rhs: str, scaled: set[str]) -> list[tuple[str, float, bool]]:
    """Variances a row is multiplied by: name, power, and whether the residual (not the total) variance is meant."""
    if op == "=~":
        parts = [(lhs, 0.5, False), (rhs, -0.5, False)]
    elif op == "~":
        parts = [(rhs, 0.5, False), (lhs, -0.5, False)]
    elif op == "~~" and lhs == rhs:
        parts = [(lhs, -1.0, False)]
    elif op == "~~":
        parts = [(lhs, -0.5, True), (rhs, -0.5, True)]
    elif op in ("~1", "|"):
        parts = [(lhs, -0.5, False)]
    else:
        parts = []
    return [part for part in parts if part[0] in scaled]
