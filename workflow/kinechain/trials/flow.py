"""Who was randomised, came, left and stands in each analysis; people at baseline; the course of each arm."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from kinechain.numerics.longitudinal import contrast
from kinechain.trials.contrasts import ArmModel
from kinechain.trials.plan import TrialPlan
from kinechain.trials.trial import Trial


@dataclass(frozen=True, slots=True)
class FlowRow:
    """A count of people in one arm.

    step   randomised; attended, missed (but seen later) and left (never seen again) by visit; analysed by outcome
    at     visit or outcome, "" for randomised
    """

    arm: str
    step: str
    at: str
    count: int


def trace_flow(trial: Trial, plan: TrialPlan) -> list[FlowRow]:
    """People by arm from randomisation to every analysis."""
    rows = []
    for a, arm in enumerate(trial.arms):
        here = trial.arm == a
        came = trial.attended[here]
        rows.append(FlowRow(arm, "randomised", "", int(here.sum())))
        for v, visit in enumerate(trial.visits):
            back = came[:, v + 1 :].any(axis=1)
            rows.append(FlowRow(arm, "attended", visit, int(came[:, v].sum())))
            rows.append(FlowRow(arm, "missed", visit, int((~came[:, v] & back).sum())))
            before = came[:, :v].any(axis=1) if v else np.ones(len(came), dtype=bool)
            gone = before & ~came[:, v:].any(axis=1) & (came[:, v - 1] if v else True)
            rows.append(FlowRow(arm, "left", visit, int(gone.sum())))
        for name in plan.outcomes:
            if name in trial.values:
                used = ~np.isnan(trial.values[name][here]).all(axis=1)
                rows.append(FlowRow(arm, "analysed", name, int(used.sum())))
    return rows


@dataclass(frozen=True, slots=True)
class BaselineRow:
    """One variable in one arm before treatment; arms were dealt at random, so that no p-value belongs here.

    mean, sd  of a variable with more than two values; share of ones for 0/1 (then sd is NaN)
    """

    variable: str
    arm: str
    n: int
    missing: int
    mean: float
    sd: float
    is_share: bool
    unit: str


def describe_baseline(trial: Trial, covariates: dict[str, np.ndarray]) -> list[BaselineRow]:
    """Every construct and covariate before treatment, by arm.

    covariates  name -> (n,) values as recorded, missing NaN
    """
    table = {name: values[:, 0] for name, values in trial.values.items()} | covariates
    rows = []
    for name, value in table.items():
        known = value[~np.isnan(value)]
        is_share = bool(np.isin(known, (0.0, 1.0)).all())
        for a, arm in enumerate(trial.arms):
            here = value[trial.arm == a]
            seen = here[~np.isnan(here)]
            mean = float(seen.mean()) if len(seen) else math.nan
            sd = float(seen.std(ddof=1)) if len(seen) > 1 and not is_share else math.nan
            missing = int(np.isnan(here).sum())
            rows.append(BaselineRow(name, arm, len(seen), missing, mean, sd, is_share, trial.units.get(name, "")))
    return rows


@dataclass(frozen=True, slots=True)
class CourseRow:
    """Mean of one outcome in one arm at one visit, by the model and as seen.

    day  mean day of the visit, NaN where unknown
    """

    outcome: str
    arm: str
    visit: str
    day: float
    mean: float
    low: float
    high: float
    seen_mean: float
    seen_sd: float
    seen_n: int
    unit: str


def trace_course(trial: Trial, outcome: str, model: ArmModel, of: str = "") -> list[CourseRow]:
    """The course of an outcome in every arm; the means share their baseline, as the arms do."""
    unit = trial.units.get(of or outcome, "")
    rows = []
    for a, arm in enumerate(trial.arms):
        here = trial.arm[model.used] == a
        for v, visit in enumerate(trial.visits):
            result = contrast(model.mean(a, v), model.fit.beta, model.fit.covariance, model.df)
            seen = model.Y[here, v]
            seen = seen[~np.isnan(seen)]
            days = trial.day[trial.arm == a, v]
            days = days[~np.isnan(days)]
            rows.append(
                CourseRow(
                    outcome,
                    arm,
                    visit,
                    float(days.mean()) if len(days) else math.nan,
                    result.estimate,
                    result.low,
                    result.high,
                    float(seen.mean()) if len(seen) else math.nan,
                    float(seen.std(ddof=1)) if len(seen) > 1 else math.nan,
                    len(seen),
                    unit,
                )
            )
    return rows
