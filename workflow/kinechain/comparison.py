"""Two models of the same people, one a restriction of the other."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.special import chdtrc

from kinechain.errors import Problem, UserError
from kinechain.fit import Fit
from kinechain.inspection import active_constraints
from kinechain.numerics.wls import difference_correction


@dataclass(frozen=True, slots=True)
class Comparison:
    """Likelihood-ratio test of a model against one it is nested in.

    chisq_difference  scaled where both fits are robust
    df_difference     degrees of freedom it has
    p_value           of the restrictions
    is_scaled         whether the difference was scaled
    """

    chisq_difference: float
    df_difference: int
    p_value: float
    is_scaled: bool


def compare_fits(restricted: Fit, general: Fit) -> Comparison:
    """Likelihood-ratio test; for robust fits the scaled difference of Satorra & Bentler (2001).

    Raises UserError if the two were not fitted to the same people and variables by the same estimator, if their order
    is the other way round, or if they cannot be nested.

    Psychometrika 66, 507-514. Ordered outcomes: the scaled and shifted form of Satorra (2000), in Heijmans, Pollock &
    Satorra (eds.), Innovations in Multivariate Statistical Analysis, 233-247, as lavaan's `lavTestLRT()`.
    """
    if not (restricted.status.has_numbers and general.status.has_numbers):
        raise UserError(Problem(restricted.spec.name, "one of the two models has no numbers", "See its status"))
    where = f"{restricted.spec.name} against {general.spec.name}"
    if restricted.n != general.n or set(restricted.table.observed) != set(general.table.observed):
        raise UserError(Problem(where, "the two models were not fitted to the same people and variables"))
    for fit in (restricted, general):
        if math.isnan(fit.measures.get("chisq", math.nan)):
            raise UserError(Problem(where, f"{fit.estimator} has no joint test of a model", "Use ml, mlr or wlsmv"))
    df = round(restricted.measures.get("df", math.nan) - general.measures.get("df", math.nan))
    if df <= 0:
        raise UserError(Problem(where, "the first model has no more degrees of freedom than the second", "Swap them"))
    if restricted.estimator != general.estimator:
        raise UserError(Problem(where, "the two models were fitted by different estimators", "Use one for both"))
    difference = restricted.measures["chisq"] - general.measures["chisq"]
    if difference < -1e-6 * (1.0 + abs(restricted.measures["chisq"])):
        raise UserError(Problem(where, "the model with fewer parameters fits better: it is no part of the other"))
    if restricted.ordinal is not None and general.ordinal is not None:
        is_scaled = general.information == "sandwich"
        if is_scaled:
            scale, shift = difference_correction(
                restricted.ordinal, restricted.estimates, active_constraints(restricted),
                general.ordinal, general.estimates, active_constraints(general), df,
            )  # fmt: skip
            difference = difference / scale + shift
        return Comparison(difference, df, float(chdtrc(df, max(difference, 0.0))), is_scaled)
    c0, c1 = (fit.measures.get("chisq_scaling_factor", math.nan) for fit in (restricted, general))
    df0, df1 = restricted.measures["df"], general.measures["df"]
    if df1 == 0:
        c1 = 0.0 if "chisq_scaling_factor" in general.measures else c1
    is_scaled = not (math.isnan(c0) or math.isnan(c1))
    if is_scaled:
        factor = (df0 * c0 - df1 * c1) / df
        difference = difference / factor if factor > 0.0 else math.nan
    p_value = float(chdtrc(df, max(difference, 0.0))) if not math.isnan(difference) else math.nan
    return Comparison(difference, df, p_value, is_scaled)
