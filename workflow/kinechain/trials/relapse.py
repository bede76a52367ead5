"""Whether what treatment gained is lost again: for everybody first, then for those who had gained.

Those who improved are chosen after randomisation, and partly by luck: beside what they lose later stands what luck
alone would take back (regression to the mean).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kinechain.numerics import Array
from kinechain.numerics.clustered import fit_least_squares
from kinechain.numerics.longitudinal import Contrast, contrast
from kinechain.numerics.shares import (
    Share,
    difference_of,
    effective_people,
    regression_to_the_mean,
    share_of,
)
from kinechain.trials.contrasts import ArmModel
from kinechain.trials.plan import TrialPlan
from kinechain.trials.trial import Trial

SELECTED = "responders only: chosen after randomisation, so that arms no longer compare like with like"
EVERYBODY = "everybody randomised"


@dataclass(frozen=True, slots=True)
class RelapseRow:
    """One quantity of relapse in one arm.

    quantity   change_<from>_<to>: mean change between two visits (positive is worse), and the same per 30 days;
               responders: share that improved; relapse_share: share of them who lost it; relapse_share_seen: the same
               among those seen; luck_share, luck_loss: what choosing the improved does by itself when the arm as a
               whole does not change; loss_by_<construct>: extra loss per SD of what was left at the end of treatment
    selection  who it speaks of
    """

    arm: str
    quantity: str
    estimate: float
    std_error: float
    low: float
    high: float
    low_90: float
    high_90: float
    p_value: float
    n: float
    unit: str
    selection: str


def trace_relapse(
    trial: Trial,
    plan: TrialPlan,
    model: ArmModel,
    mcid: float,
    completed: Array,
    used: NDArray[np.bool_],
) -> list[RelapseRow]:
    """Slopes, relapse among responders, luck, and moderation, for every arm.

    model      constrained model of the relapse outcome
    mcid       difference that matters, > 0
    completed  (M, n, V) data sets completed at random, for the people used
    """
    assert plan.relapse is not None
    outcome = plan.relapse.outcome
    unit = trial.units.get(outcome, "")
    rows: list[RelapseRow] = []
    for a, arm in enumerate(trial.arms):
        rows += _slopes(trial, plan, model, a, unit)
        rows += _responders(trial, plan, a, mcid, completed, used)
        mean = np.array([model.mean(a, v) @ model.fit.beta for v in _three(trial, plan)])
        Sigma = model.fit.Sigma[np.ix_(_three(trial, plan), _three(trial, plan))]
        luck = regression_to_the_mean(np.array([mean[0], mean[1], mean[1]]), Sigma, mcid)
        n = float((trial.arm[used] == a).sum())
        for name, value, of in (("luck_share", luck.relapse, "share"), ("luck_loss", luck.loss, unit)):
            rows.append(_bare(arm, name, value, n, of))
        if arm == plan.relapse.arm:
            rows += _moderation(trial, plan, a, unit)
    return rows


def _bare(arm: str, quantity: str, value: float, n: float, unit: str) -> RelapseRow:
    gone = math.nan
    return RelapseRow(arm, quantity, value, gone, gone, gone, gone, gone, gone, n, unit, SELECTED)


def _three(trial: Trial, plan: TrialPlan) -> list[int]:
    return [trial.visits.index(name) for name in (plan.baseline, plan.after, plan.later)]


def _slopes(trial: Trial, plan: TrialPlan, model: ArmModel, a: int, unit: str) -> Iterator[RelapseRow]:
    first, after, later = _three(trial, plan)
    n = int((trial.arm[model.used] == a).sum())
    for start, end in ((first, after), (after, later)):
        weights = model.mean(a, end) - model.mean(a, start)
        name = f"change_{trial.visits[start]}_{trial.visits[end]}"
        result = contrast(weights, model.fit.beta, model.fit.covariance, model.df)
        yield _from_contrast(trial.arms[a], name, result, n, unit, EVERYBODY)
        gap = trial.day[:, end] - trial.day[:, start]
        if np.isfinite(gap).any():
            weights = weights * 30 / float(np.nanmean(gap))
            result = contrast(weights, model.fit.beta, model.fit.covariance, model.df)
            yield _from_contrast(trial.arms[a], f"{name}_per_30_days", result, n, unit, EVERYBODY)


def _from_contrast(arm: str, quantity: str, result: Contrast, n: float, unit: str, selection: str) -> RelapseRow:
    return RelapseRow(
        arm, quantity, result.estimate, result.std_error, result.low, result.high, result.low_90, result.high_90,
        result.p_value, n, unit, selection,
    )  # fmt: skip


def _from_share(arm: str, quantity: str, share: Share, n: float, selection: str) -> RelapseRow:
    return RelapseRow(
        arm, quantity, share.estimate, math.nan, share.low, share.high, share.low_90, share.high_90, math.nan, n,
        "share", selection,
    )  # fmt: skip


def relapsed(values: Array, visits: list[int], mcid: float) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Who improved by mcid at the second of three visits, and who of all lost mcid again or is back near the first.

    values  (..., V)  higher is worse; NaN counts as no
    """
    start, after, later = (values[..., v] for v in visits)
    with np.errstate(invalid="ignore"):
        responder = start - after >= mcid
        lost = (later - after >= mcid) | (start - later < mcid)
    return np.asarray(responder), np.asarray(lost)


def relapse_share(
    trial: Trial, plan: TrialPlan, a: int, mcid: float, completed: Array, used: NDArray[np.bool_]
) -> tuple[float, float]:
    """Share of an arm's responders who relapsed, over completed data sets, and the people it is worth."""
    there = trial.arm[used] == a
    responder, lost = relapsed(completed[:, there], _three(trial, plan), mcid)
    number = responder.sum(axis=1)
    if not (number > 0).all():
        return math.nan, 0.0
    return effective_people((responder & lost).sum(axis=1) / number, number.astype(float))


def _responders(
    trial: Trial, plan: TrialPlan, a: int, mcid: float, completed: Array, used: NDArray[np.bool_]
) -> Iterator[RelapseRow]:
    assert plan.relapse is not None
    arm = trial.arms[a]
    there = trial.arm[used] == a
    responder, _ = relapsed(completed[:, there], _three(trial, plan), mcid)
    share, worth = effective_people(responder.mean(axis=1), np.full(len(completed), float(there.sum())))
    yield _from_share(arm, "responders", share_of(share, worth), worth, EVERYBODY)
    share, worth = relapse_share(trial, plan, a, mcid, completed, used)
    yield _from_share(arm, "relapse_share", share_of(share, worth), worth, SELECTED)
    Y = trial.values[plan.relapse.outcome][trial.arm == a]
    seen = ~np.isnan(Y[:, _three(trial, plan)]).any(axis=1)
    responder, lost = relapsed(Y[seen], _three(trial, plan), mcid)
    n = float(responder.sum())
    share = float((responder & lost).sum() / n) if n else math.nan
    yield _from_share(arm, "relapse_share_seen", share_of(share, n), n, f"{SELECTED}; seen at all visits")


def compare_relapse(
    trial: Trial, plan: TrialPlan, mcid: float, completed: Array, used: NDArray[np.bool_]
) -> Share | None:
    """Difference of the relapse shares of the two arms of the plan; None when either has no responders."""
    assert plan.relapse is not None
    if plan.relapse.arm not in trial.arms or plan.relapse.against not in trial.arms:
        return None
    sides = [
        relapse_share(trial, plan, trial.arms.index(arm), mcid, completed, used)
        for arm in (plan.relapse.arm, plan.relapse.against)
    ]
    if any(not worth > 0 for _, worth in sides):
        return None
    return difference_of(*sides[0], *sides[1])


def _moderation(trial: Trial, plan: TrialPlan, a: int, unit: str) -> Iterator[RelapseRow]:
    """Within the arm: outcome later given outcome before and after treatment, per SD of what was left of the moderator.

    Given the outcome at the end of treatment, those who leave because of it do not bias the slope.
    """
    assert plan.relapse is not None
    first, after, later = _three(trial, plan)
    Y = trial.values[plan.relapse.outcome]
    for name in plan.relapse.moderators:
        if name not in trial.values:
            continue
        moderator = trial.values[name]
        people = (trial.arm == a) & ~np.isnan(Y[:, [first, after, later]]).any(axis=1) & ~np.isnan(moderator[:, after])
        sd = float(np.nanstd(moderator[:, first], ddof=1))
        x = moderator[people, after] / sd
        X = np.column_stack([np.ones(len(x)), x, Y[people][:, [first, after]]])
        if len(X) <= X.shape[1] + 1 or np.linalg.matrix_rank(X) < X.shape[1]:
            continue
        result = fit_least_squares(Y[people, later], X, np.array([0.0, 1.0, 0.0, 0.0]))
        yield _from_contrast(trial.arms[a], f"loss_by_{name}", result, len(X), f"{unit} per SD", "everybody in the arm")
