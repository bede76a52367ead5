"""What the visits nobody saw could change: other assumptions about them, and where a finding would tip."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kinechain.errors import Problem, UserError
from kinechain.numerics import Array
from kinechain.numerics.imputation import pool
from kinechain.numerics.longitudinal import (
    Contrast,
    constrained_design,
    contrast,
    fit_repeated,
    from_estimate,
    mean_weights,
)
from kinechain.numerics.visit_imputation import (
    Designs,
    Imputations,
    Projected,
    impute_visits,
    prepare_designs,
    project_contrast,
)
from kinechain.trials.contrasts import MAINTENANCE, ContrastRow, possible
from kinechain.trials.plan import DELTA, IMPUTED, REFERENCE, Comparison, TrialPlan
from kinechain.trials.trial import Trial

LIKELIHOOD = "likelihood_with_auxiliaries"


@dataclass(frozen=True, slots=True)
class MissingRow:
    """One contrast under one assumption about the visits nobody saw.

    assumption  likelihood_with_auxiliaries and imputed: missing at random; delta: unseen values of the shifted arms
                are worse by `delta`; jump_to_reference: after leaving, they follow the control arm
    tips        whether the finding (95 % interval off zero) of the primary analysis is lost here; None where there was
                none to lose
    """

    outcome: str
    comparison: Comparison
    when: str
    assumption: str
    delta: float
    result: Contrast
    tips: bool | None
    unit: str


@dataclass(frozen=True, slots=True)
class Tipping:
    """The shift of unseen values, in the unit of the outcome, from which on a finding is lost; infinite if never."""

    outcome: str
    comparison: Comparison
    when: str
    delta: float


def complete_trial(
    trial: Trial, plan: TrialPlan, outcome: str, random: np.random.Generator
) -> tuple[Imputations, NDArray[np.bool_]]:
    """Completed data sets of an outcome, with the auxiliaries of the plan; and who entered (n,).

    Raises UserError when what is unseen cannot be imputed from what is seen.
    """
    Y = trial.values[outcome]
    V = Y.shape[1]
    columns = [Y, *(trial.values[name] for name in _auxiliaries(trial, plan, outcome))]
    stacked = np.column_stack(columns)
    used = np.asarray(~np.isnan(Y).all(axis=1))
    jumping = np.isin(trial.arm, trial.index(tuple(arm for arm in plan.shifted_arms if arm in trial.arms)))
    try:
        drawn = impute_visits(
            stacked[used],
            trial.arm[used],
            trial.Z[used],
            n_visits=V,
            reference=0,
            jumping=jumping[used],
            imputations=plan.imputations,
            random=random,
        )
    except np.linalg.LinAlgError as error:
        raise UserError(
            Problem(trial.name, f"the unseen visits of `{outcome}` cannot be imputed: {error}", "Use fewer covariates")
        ) from None
    return Imputations(drawn.at_random[:, :, :V], drawn.jump_to_reference[:, :, :V]), used


def _auxiliaries(trial: Trial, plan: TrialPlan, outcome: str) -> list[str]:
    return [name for name in plan.auxiliaries if name in trial.values and name != outcome]


def vary_assumptions(
    trial: Trial,
    plan: TrialPlan,
    outcome: str,
    primary: list[ContrastRow],
    deltas: tuple[float, ...],
    completed: tuple[Imputations, NDArray[np.bool_]],
) -> tuple[list[MissingRow], list[Tipping]]:
    """Every contrast of an outcome under each assumption, and its tipping point.

    primary  the rows of the constrained model
    deltas   shifts in the unit of the outcome, positive is worse
    """
    found = {(row.comparison.name, row.when): row.result for row in primary if row.method == "constrained"}
    unit = trial.units.get(outcome, "")
    rows = list(_likelihood(trial, plan, outcome, found, unit))
    tipping = []
    drawn, used = completed
    shifts = _shifts(trial, plan, outcome, used)
    sets = [(values, _designs(trial, values, used)) for values in (drawn.at_random, drawn.jump_to_reference)]
    for comparison in possible(trial, plan):
        for when in (plan.after, plan.later, MAINTENANCE):
            first = found[comparison.name, when]
            at_random, jumped = (
                _project(trial, plan, values, designs, comparison, when, shifts) for values, designs in sets
            )
            here = [(IMPUTED, 0.0, pooled_at(at_random, 0.0)), (REFERENCE, 0.0, pooled_at(jumped, 0.0))]
            here += [(DELTA, delta, pooled_at(at_random, delta)) for delta in deltas if delta]
            rows += [
                MissingRow(outcome, comparison, when, name, delta, result, _tips(first, result), unit)
                for name, delta, result in here
                if name in plan.assumptions
            ]
            tipping.append(Tipping(outcome, comparison, when, find_tipping(first, at_random)))
    return rows, tipping


def _tips(first: Contrast, now: Contrast) -> bool | None:
    if first.low > 0:
        return not now.low > 0
    if first.high < 0:
        return not now.high < 0
    return None


def _likelihood(
    trial: Trial, plan: TrialPlan, outcome: str, found: Mapping[tuple[str, str], Contrast], unit: str
) -> Iterator[MissingRow]:
    """The constrained model with auxiliary outcomes beside: the likelihood then uses what they say of the unseen."""
    names = _auxiliaries(trial, plan, outcome)
    if not names:
        return
    Y = np.column_stack([trial.values[outcome], *(trial.values[name] for name in names)])
    used = ~np.isnan(trial.values[outcome]).all(axis=1)
    V, A, blocks = len(trial.visits), len(trial.arms), 1 + len(names)
    one = constrained_design(trial.arm[used], V, trial.Z[used])
    q = one.shape[2]
    X = np.zeros((int(used.sum()), V * blocks, q * blocks))
    for b in range(blocks):
        X[:, b * V : (b + 1) * V, b * q : (b + 1) * q] = one
    fit = fit_repeated(Y[used], X)
    if not fit.converged:
        return
    df = float(used.sum() - A - trial.Z.shape[1])
    for comparison in possible(trial, plan):
        for when in (plan.after, plan.later, MAINTENANCE):
            weights = _design_weights(trial, plan, comparison, when, q)
            result = contrast(np.concatenate([weights, np.zeros(q * (blocks - 1))]), fit.beta, fit.covariance, df)
            first = found[comparison.name, when]
            yield MissingRow(outcome, comparison, when, LIKELIHOOD, 0.0, result, _tips(first, result), unit)


def _design_weights(trial: Trial, plan: TrialPlan, comparison: Comparison, when: str, q: int) -> Array:
    def at(visit: str) -> Array:
        v, A, V = trial.visits.index(visit), len(trial.arms), len(trial.visits)
        first = np.mean([mean_weights(arm, v, A, V, q) for arm in trial.index(comparison.arms)], axis=0)
        second = np.mean([mean_weights(arm, v, A, V, q) for arm in trial.index(comparison.against)], axis=0)
        weights: Array = first - second
        return weights

    return at(plan.later) - at(plan.after) if when == MAINTENANCE else at(when)


def _shifts(trial: Trial, plan: TrialPlan, outcome: str, used: NDArray[np.bool_]) -> Array:
    """(n, V) 1 where a value of a shifted arm was not seen."""
    arms = trial.index(tuple(name for name in plan.shifted_arms if name in trial.arms))
    gaps = np.isnan(trial.values[outcome][used])
    shifts: Array = (gaps & np.isin(trial.arm[used], arms)[:, None]).astype(float)
    return shifts


def project_comparison(
    trial: Trial,
    plan: TrialPlan,
    outcome: str,
    completed: tuple[Imputations, NDArray[np.bool_]],
    comparison: Comparison,
    when: str,
) -> Projected:
    """One contrast in every data set completed at random, ready for any shift of the unseen values."""
    drawn, used = completed
    shifts = _shifts(trial, plan, outcome, used)
    designs = _designs(trial, drawn.at_random, used)
    return _project(trial, plan, drawn.at_random, designs, comparison, when, shifts)


def _designs(trial: Trial, values: Array, used: NDArray[np.bool_]) -> Designs:
    """Analysis of covariance in every completed data set: arms, the outcome at the first visit, covariates."""
    arms = (trial.arm[used][:, None] == np.arange(len(trial.arms))).astype(float)
    Z = trial.Z[used]
    start = values[:, :, 0] - values[:, :, 0].mean()
    rest = [np.broadcast_to(block, (len(values), *block.shape)) for block in (arms, Z - Z.mean(axis=0))]
    return prepare_designs(np.concatenate([rest[0], start[:, :, None], rest[1]], axis=2))


def _project(
    trial: Trial,
    plan: TrialPlan,
    values: Array,
    designs: Designs,
    comparison: Comparison,
    when: str,
    shifted: Array,
) -> Projected:
    """One contrast in every completed data set."""
    weights = np.zeros(designs.X.shape[2])
    weights[trial.index(comparison.arms)] += 1 / len(comparison.arms)
    weights[trial.index(comparison.against)] -= 1 / len(comparison.against)
    after, later = trial.visits.index(plan.after), trial.visits.index(plan.later)
    if when == MAINTENANCE:
        change = values[:, :, later] - values[:, :, after]
        return project_contrast(change, designs, weights, shifted[:, later] - shifted[:, after])
    v = trial.visits.index(when)
    return project_contrast(values[:, :, v], designs, weights, shifted[:, v])


def pooled_at(projected: Projected, delta: float) -> Contrast:
    """Rubin's rules at one shift; degrees of freedom never above those of complete data (Barnard & Rubin 1999)."""
    estimates, variances = projected.at(delta)
    pooled = pool(estimates[:, None], variances[:, None])
    estimate, std_error, dof = float(pooled.estimate[0]), float(pooled.std_error[0]), float(pooled.dof[0])
    complete = projected.residual_df
    missing_share = 1 - float(variances.mean()) / std_error**2
    seen = (complete + 1) / (complete + 3) * complete * (1 - missing_share)
    df = seen if math.isinf(dof) else dof * seen / (dof + seen)
    return from_estimate(estimate, std_error, df)


def find_tipping(first: Contrast, projected: Projected) -> float:
    """Shift of the unseen values, positive or negative, nearest to zero at which the finding is lost.

    NaN when there is no finding; infinite when no shift up to 20 residual standard deviations loses it; 0 when multiple
    imputation without a shift has lost it already.
    """
    if not (first.low > 0 or first.high < 0):
        return math.nan
    limit = 20 * math.sqrt(float(projected.rss.mean()) / projected.residual_df)

    def holds(delta: float) -> bool:
        return _tips(first, pooled_at(projected, delta)) is False

    if not holds(0.0):
        return 0.0
    ends = []
    for direction in (1.0, -1.0):
        grid = direction * np.linspace(0, limit, 41)
        lost = next((k for k, delta in enumerate(grid) if not holds(float(delta))), None)
        if lost is None:
            continue
        low, high = float(grid[lost - 1]), float(grid[lost])
        for _ in range(40):
            middle = (low + high) / 2
            low, high = (middle, high) if holds(middle) else (low, middle)
        ends.append(high)
    return min(ends, key=abs) if ends else math.inf
