"""Who was randomised, came, left and stands in each analysis; people at baseline; the course of each arm."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kinechain.numerics import Array
from kinechain.numerics.longitudinal import contrast
from kinechain.trials.contrasts import ArmModel
from kinechain.trials.plan import TrialPlan
from kinechain.trials.trial import Trial


@dataclass(frozen=True, slots=True)
class FlowRow:
    """A count of people in one arm.

    step   randomised; attended, missed (but seen later) and left (never seen again) by visit; then who stands in each
           analysis: analysed (an outcome), complete (an outcome at all visits), beyond (the far side of neutral),
           response (the outcome of response at a visit and before), mediation
    at     visit or outcome, "" where neither is meant
    """

    arm: str
    step: str
    at: str
    count: int


Analyses = Mapping[tuple[str, str], NDArray[np.bool_]]
"""Analysis and what of -> (n,) who stands in it."""


def analyses_of(trial: Trial, plan: TrialPlan, beyond: NDArray[np.bool_] | None) -> Analyses:
    """Who stands in each analysis.

    beyond  (n,) who lies beyond neutral at the first visit; None when that was not analysed
    """
    seen = {name: ~np.isnan(table) for name, table in trial.values.items()}
    found: dict[tuple[str, str], NDArray[np.bool_]] = {
        ("analysed", name): np.asarray(seen[name].any(axis=1)) for name in plan.outcomes if name in seen
    }
    if beyond is not None and plan.distance:
        found["beyond", plan.distance.of] = beyond
    name = plan.responder_outcome
    if name in seen:
        found["complete", name] = np.asarray(seen[name].all(axis=1))
        for visit in (plan.after, plan.later):
            found["response", visit] = seen[name][:, 0] & seen[name][:, trial.visits.index(visit)]
    if plan.mediation and all(link in seen for link in (*plan.mediation.chain, plan.mediation.outcome)):
        ways = [seen[link] for link in (*plan.mediation.chain, plan.mediation.outcome)]
        found["mediation", plan.mediation.outcome] = np.asarray(np.any(ways, axis=(0, 2)))
    return found


def trace_flow(trial: Trial, analyses: Analyses) -> list[FlowRow]:
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
        rows += [FlowRow(arm, step, at, int(used[here].sum())) for (step, at), used in analyses.items()]
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


def describe_baseline(trial: Trial, values: Mapping[str, Array], units: Mapping[str, str]) -> list[BaselineRow]:
    """Every measure before treatment, by arm, as it was recorded and not turned toward the problem.

    values  measure -> (n,), missing NaN
    """
    rows = []
    for name, value in values.items():
        known = value[~np.isnan(value)]
        is_share = bool(np.isin(known, (0.0, 1.0)).all())
        for a, arm in enumerate(trial.arms):
            here = value[trial.arm == a]
            seen = here[~np.isnan(here)]
            mean = float(seen.mean()) if len(seen) else math.nan
            sd = float(seen.std(ddof=1)) if len(seen) > 1 and not is_share else math.nan
            missing = int(np.isnan(here).sum())
            rows.append(BaselineRow(name, arm, len(seen), missing, mean, sd, is_share, units.get(name, "")))
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
