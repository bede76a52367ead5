"""The tables of a trial, tidy and masked, one row a thing that can be drawn or printed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from kinechain.cohort import Cohort
from kinechain.trials.contrasts import ContrastRow
from kinechain.trials.effect_rows import LIMITS, numbers_of
from kinechain.trials.factorial import FactorialRow
from kinechain.trials.flow import Analyses, CourseRow, describe_baseline, trace_flow
from kinechain.trials.lagged import Lags
from kinechain.trials.mediation import Mediated
from kinechain.trials.missing import MissingRow, Tipping
from kinechain.trials.plan import Comparison
from kinechain.trials.relapse import RelapseRow
from kinechain.trials.responders import ResponderRow
from kinechain.trials.trial import FEWEST_SHOWN, Trial


def tables_of(
    trial: Trial,
    cohort: Cohort,
    contrasts: list[ContrastRow],
    courses: list[CourseRow],
    responders: list[ResponderRow],
    relapse: list[RelapseRow],
    ways: Mediated | None,
    missing: list[MissingRow],
    tipping: list[Tipping],
    lags: Lags,
    analyses: Analyses,
    factorial: list[FactorialRow],
) -> dict[str, pd.DataFrame]:
    """All tables that have rows, by name: those of `TRIAL_TABLES`."""
    people = cohort.people
    assert people is not None
    first = {name: people[name].to_numpy(dtype=float) for name in cohort.constructs.values() if name in people.columns}
    tables = {
        "flow": _masked(_frame(trace_flow(trial, analyses)), "count"),
        "baseline": _masked(_frame(describe_baseline(trial, first, cohort.units)), "missing", values=()),
        "trajectories": _masked(_frame(courses), "seen_n", values=("seen_mean", "seen_sd")),
        "contrasts": _frame(
            {
                "outcome": row.outcome,
                **_sides(row.comparison),
                "when": row.when,
                "method": row.method,
                **numbers_of(row.result),
                "df": row.result.df,
                "standardised": row.result.estimate / row.baseline_sd,
                "standardised_low": row.result.low / row.baseline_sd,
                "standardised_high": row.result.high / row.baseline_sd,
                "n": row.n,
                "unit": row.unit,
            }
            for row in contrasts
        ),
        "factorial": _frame(
            {
                "outcome": row.outcome,
                "effect": row.effect,
                "when": row.when,
                **numbers_of(row.result),
                "n": row.n,
                "unit": row.unit,
            }
            for row in factorial
        ),
        "responders": _frame(
            {
                "outcome": row.outcome,
                **_sides(row.comparison),
                "when": row.when,
                "method": row.method,
                "share_arm": row.share_arm,
                "share_against": row.share_against,
                "n_arm": row.n_arm,
                "n_against": row.n_against,
                "difference": row.difference.estimate,
                "low": row.difference.low,
                "high": row.difference.high,
                "mcid": row.mcid,
                "unit": "share",
            }
            for row in responders
        ),
        "relapse": _masked(_frame(relapse), "n", values=LIMITS),
        "mediation": _frame(ways.ways if ways else ()),
        "mediator_rho": _frame(ways.sensitivity if ways else ()),
        "unseen_visits": _frame(
            {
                "outcome": row.outcome,
                **_sides(row.comparison),
                "when": row.when,
                "assumption": row.assumption,
                "delta": row.delta,
                **numbers_of(row.result),
                "tips": row.tips,
                "unit": row.unit,
            }
            for row in missing
        ),
        "tipping": _frame(
            {"outcome": row.outcome, **_sides(row.comparison), "when": row.when, "delta": row.delta} for row in tipping
        ),
        "lags": _frame(
            {
                "x": row.x,
                "y": row.y,
                "effect": row.effect,
                "lag_days": row.lag_days,
                "rmsea": row.rmsea,
                **{
                    name: row.row[name]
                    for name in ("estimate", "std_error", "standardised", "standardised_low", "standardised_high")
                },
            }
            for row in lags.rows
        ),
        "equal_lags": _frame(lags.equal),
    }
    return {name: table for name, table in tables.items() if not table.empty}


def _sides(comparison: Comparison) -> dict[str, str]:
    return {
        "contrast": comparison.name,
        "arms": "+".join(comparison.arms),
        "against": "+".join(comparison.against),
    }


def _frame(rows: Iterable[Any]) -> pd.DataFrame:
    """Rows (dataclasses or mappings) as a table."""
    listed = list(rows)
    if listed and not isinstance(listed[0], Mapping):
        fields = list(listed[0].__dataclass_fields__)
        listed = [{name: getattr(row, name) for name in fields} for row in listed]
    return pd.DataFrame(listed)


def _masked(table: pd.DataFrame, count: str, values: Iterable[str] = ()) -> pd.DataFrame:
    """Small counts, and what rests on them, are not shown; zero is no person's and stays."""
    if table.empty:
        return table
    small = (table[count] > 0) & (table[count] < FEWEST_SHOWN)
    out = table.assign(masked=small)
    for name in (count, *values):
        out[name] = out[name].astype(float).mask(small)
    return out
