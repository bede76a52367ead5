"""Limits of every effect as a table, and joined to the table of estimates."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import numpy as np

from kinechain.errors import Problem, UserError, closest
from kinechain.numerics.intervals import Kind, Limits, limits
from kinechain.numerics.streams import Scheme
from kinechain.resampling.draws import Draws

if TYPE_CHECKING:
    import pandas as pd

KINDS: tuple[str, ...] = get_args(Kind)


def interval_table(draws: Draws, interval: str = "percentile", level: float = 0.95) -> pd.DataFrame:
    """One row an effect, in the plan's order: limits at `level` and at 90 %, their errors and the p-value.

    interval  percentile, bc, bca or monte_carlo

    Columns: effect, interval, level, std_error, low, high, low_90, high_90, p_value, mc_error_low, mc_error_high,
    draws, failed_draws, standardised_low, standardised_high, standardised_low_90, standardised_high_90,
    standardised_std_error, standardised_mc_error_low, standardised_mc_error_high, standardised_p_value. Limits are NaN
    where more than 5 % of the draws failed, and for R2: its upward bias is doubled in every resample, and no interval
    made of resamples covers it as it says. Draws that resampled nobody are labelled monte_carlo whatever was asked.

    Raises UserError for a kind of interval that is not known.
    """
    import pandas as pd

    if interval not in KINDS:
        raise UserError(Problem("interval", f"`{interval}` is unknown", closest(interval, KINDS)))
    if interval == "monte_carlo" and not is_monte_carlo(draws):
        what = "these draws resampled people and cannot give a Monte Carlo interval"
        raise UserError(Problem("interval", what, "Draw with the scheme MONTE_CARLO"))
    label: Kind = "monte_carlo" if is_monte_carlo(draws) else interval  # type: ignore[assignment]  # checked above
    raw = _limits(draws, label, level, is_standardised=False)
    standardised = _limits(draws, label, level, is_standardised=True)
    return pd.DataFrame(
        {
            "effect": list(draws.names),
            "interval": label,
            "level": level,
            "std_error": raw.std_error,
            "low": raw.low[:, 0],
            "high": raw.high[:, 0],
            "low_90": raw.low[:, 1],
            "high_90": raw.high[:, 1],
            "p_value": raw.p_value,
            "mc_error_low": raw.mc_error_low[:, 0],
            "mc_error_high": raw.mc_error_high[:, 0],
            "draws": raw.used,
            "failed_draws": draws.attempted - raw.used,
            "standardised_low": standardised.low[:, 0],
            "standardised_high": standardised.high[:, 0],
            "standardised_low_90": standardised.low[:, 1],
            "standardised_high_90": standardised.high[:, 1],
            "standardised_std_error": standardised.std_error,
            "standardised_mc_error_low": standardised.mc_error_low[:, 0],
            "standardised_mc_error_high": standardised.mc_error_high[:, 0],
            "standardised_p_value": standardised.p_value,
        }
    )


def is_monte_carlo(draws: Draws) -> bool:
    """Whether nobody was resampled."""
    return draws.scheme in (Scheme.PARAMETRIC, Scheme.MONTE_CARLO)


def _limits(draws: Draws, kind: Kind, level: float, *, is_standardised: bool) -> Limits:
    if is_standardised:
        values, estimate, curvature = draws.standardised, draws.standardised_estimate, draws.standardised_acceleration
    else:
        values, estimate, curvature = draws.values, draws.estimate, draws.acceleration
    found = limits(kind, values, (level, 0.90), estimate=estimate, acceleration=curvature, errors=1)
    unsaid = np.array([effect.kind == "r2" for effect in draws.plan.effects]) | (not draws.is_usable)
    for numbers in (found.low, found.high, found.mc_error_low, found.mc_error_high, found.p_value, found.std_error):
        numbers[unsaid] = np.nan
    return found


def join_intervals(
    estimates: pd.DataFrame, draws: Draws, interval: str = "percentile", level: float = 0.95
) -> pd.DataFrame:
    """The table of estimates with the limits of the draws in place of its own.

    estimates  one row an effect, with a column `effect`; its other columns are kept, those of `interval_table` replaced

    Raises ValueError when an effect has no draws: both must come from one plan.
    """
    found = interval_table(draws, interval, level)
    absent = set(estimates["effect"]) - set(found["effect"])
    if absent:
        raise ValueError(f"no draws for {', '.join(sorted(absent))}")
    kept = estimates.drop(columns=[name for name in found.columns if name != "effect" and name in estimates.columns])
    return kept.merge(found, on="effect", how="left", validate="one_to_one")
