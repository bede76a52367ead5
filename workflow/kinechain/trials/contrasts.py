"""Differences between arms at each visit, and whether they last: one table, one row a contrast and method."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kinechain.errors import Problem, UserError
from kinechain.numerics import Array
from kinechain.numerics.clustered import fit_least_squares
from kinechain.numerics.longitudinal import (
    Contrast,
    RepeatedFit,
    between_within_df,
    constrained_design,
    contrast,
    fit_repeated,
    mean_weights,
    robust_covariance,
)
from kinechain.trials.plan import Comparison, TrialPlan
from kinechain.trials.trial import Trial

MAINTENANCE = "maintenance"


@dataclass(frozen=True, slots=True)
class ArmModel:
    """The constrained longitudinal model of one outcome.

    X     (n, V, q)  design of the people used
    used  (n,)       who has at least one visit
    df    between-within degrees of freedom
    """

    fit: RepeatedFit
    X: Array
    Y: Array
    used: NDArray[np.bool_]
    df: float
    n_arms: int

    def mean(self, arm: int, visit: int) -> Array:
        """(q,) weights of the mean of an arm at a visit."""
        return mean_weights(arm, visit, self.n_arms, self.Y.shape[1], len(self.fit.beta))


@dataclass(frozen=True, slots=True)
class ContrastRow:
    """One contrast by one method.

    when          the visit, or `maintenance`: the last visit minus the end of treatment
    method        constrained, robust, ancova, mixed, complete_case
    baseline_sd   pooled SD of the outcome at the first visit, the unit of `standardised`
    """

    outcome: str
    comparison: Comparison
    when: str
    method: str
    result: Contrast
    n: int
    baseline_sd: float
    unit: str


def fit_arms(trial: Trial, Y: Array, *, name: str, people: NDArray[np.bool_] | None = None) -> ArmModel:
    """Fit the constrained longitudinal model to one outcome.

    Y       (n, V)  NaN where not seen
    people  (n,)    who enters, everybody by default
    Raises UserError when the data do not determine the means or the covariance of the visits.
    """
    used = np.asarray(~np.isnan(Y).all(axis=1))
    if people is not None:
        used &= people
    y, arm = Y[used], trial.arm[used]
    try:
        X = constrained_design(_consecutive(arm), Y.shape[1], trial.Z[used])
        fit = fit_repeated(y, X)
    except np.linalg.LinAlgError as error:
        raise UserError(
            Problem(trial.name, f"the means of `{name}` by arm and visit cannot be told apart: {error}", "See who came")
        ) from None
    return ArmModel(fit, X, y, used, between_within_df(y, X), len(trial.arms))


def _consecutive(arm: NDArray[np.intp]) -> NDArray[np.intp]:
    if len(np.unique(arm)) != int(arm.max()) + 1:
        raise np.linalg.LinAlgError("an arm is empty")
    return arm


def comparison_weights(trial: Trial, model: ArmModel, comparison: Comparison, when: str, plan: TrialPlan) -> Array:
    """(q,) weights of a comparison at a visit, or of its change after treatment."""
    if when == MAINTENANCE:
        later = comparison_weights(trial, model, comparison, plan.later, plan)
        return later - comparison_weights(trial, model, comparison, plan.after, plan)
    visit = trial.visits.index(when)
    first = np.mean([model.mean(arm, visit) for arm in trial.index(comparison.arms)], axis=0)
    second = np.mean([model.mean(arm, visit) for arm in trial.index(comparison.against)], axis=0)
    weights: Array = first - second
    return weights


def possible(trial: Trial, plan: TrialPlan) -> list[Comparison]:
    """Comparisons whose arms this trial has; averages are taken over the arms it has."""
    found = []
    for comparison in plan.comparisons:
        arms = tuple(arm for arm in comparison.arms if arm in trial.arms)
        against = tuple(arm for arm in comparison.against if arm in trial.arms)
        if arms and against:
            found.append(Comparison(comparison.name, arms, against))
    return found


def impossible(trial: Trial, plan: TrialPlan) -> dict[str, list[str]]:
    """Comparisons this trial cannot make, each with the arms it lacks."""
    made = {comparison.name for comparison in possible(trial, plan)}
    return {
        comparison.name: [arm for arm in (*comparison.arms, *comparison.against) if arm not in trial.arms]
        for comparison in plan.comparisons
        if comparison.name not in made
    }


def contrasts_of(
    trial: Trial,
    plan: TrialPlan,
    outcome: str,
    Y: Array,
    people: NDArray[np.bool_] | None = None,
    of: str = "",
    fewest_clusters: float = 40,
) -> list[ContrastRow]:
    """Contrasts of one outcome.

    of               construct whose unit the outcome has, itself by default
    fewest_clusters  below it the sandwich over clusters is left out; analysis of covariance has the bias-reduced one
    """
    unit = trial.units.get(of or outcome, "")
    model = fit_arms(trial, Y, name=outcome, people=people)
    sd = float(np.nanstd(model.Y[:, 0], ddof=1))
    methods = [("constrained", model.fit.covariance, model.df), *_sandwich(trial, model, fewest_clusters)]
    complete = ~np.isnan(model.Y).any(axis=1)
    rows = []
    for comparison in possible(trial, plan):
        for when in (plan.after, plan.later, MAINTENANCE):
            weights = comparison_weights(trial, model, comparison, when, plan)
            for method, covariance, df in methods:
                result = contrast(weights, model.fit.beta, covariance, df)
                rows.append(ContrastRow(outcome, comparison, when, method, result, int(model.used.sum()), sd, unit))
    if complete.sum() > model.X.shape[2]:
        rows += _complete_cases(trial, plan, outcome, Y, model, sd, unit)
    for visit in (plan.after, plan.later):
        rows += _ancova(trial, plan, outcome, Y, model.used, visit, sd, unit)
    return rows


def _sandwich(trial: Trial, model: ArmModel, fewest_clusters: float) -> list[tuple[str, Array, float]]:
    """The sandwich over people, or over clusters where people come in enough of them."""
    if trial.cluster is None:
        return [("robust", robust_covariance(model.Y, model.X, model.fit), model.df)]
    cluster = trial.cluster[model.used]
    number = len(np.unique(cluster))
    if number < fewest_clusters:
        return []
    return [("robust", robust_covariance(model.Y, model.X, model.fit, cluster), min(model.df, number - 1.0))]


def _complete_cases(
    trial: Trial, plan: TrialPlan, outcome: str, Y: Array, model: ArmModel, sd: float, unit: str
) -> Iterator[ContrastRow]:
    people = model.used & ~np.isnan(Y).any(axis=1)
    if len(np.unique(trial.arm[people])) < len(trial.arms):
        return
    complete = fit_arms(trial, Y, name=outcome, people=people)
    for comparison in possible(trial, plan):
        for when in (plan.after, plan.later, MAINTENANCE):
            weights = comparison_weights(trial, complete, comparison, when, plan)
            result = contrast(weights, complete.fit.beta, complete.fit.covariance, complete.df)
            yield ContrastRow(outcome, comparison, when, "complete_case", result, int(people.sum()), sd, unit)


def _ancova(
    trial: Trial, plan: TrialPlan, outcome: str, Y: Array, used: NDArray[np.bool_], visit: str, sd: float, unit: str
) -> Iterator[ContrastRow]:
    """Each visit by itself given the baseline; clusters, where declared, by the bias-reduced sandwich."""
    y = Y[:, trial.visits.index(visit)]
    people = used & ~np.isnan(y) & ~np.isnan(Y[:, 0])
    A = len(trial.arms)
    if len(np.unique(trial.arm[people])) < A:
        return
    arms = (trial.arm[people][:, None] == np.arange(A)).astype(float)
    rest = np.column_stack([Y[people, 0], trial.Z[people]])
    X = np.column_stack([arms, rest - rest.mean(axis=0)])
    keep = [*range(A), *(j for j in range(A, X.shape[1]) if np.ptp(X[:, j]) > 0)]
    X = X[:, keep]
    if np.linalg.matrix_rank(X) < X.shape[1] or len(X) <= X.shape[1]:
        return
    cluster = trial.cluster[people] if trial.cluster is not None else None
    for comparison in possible(trial, plan):
        weights = np.zeros(X.shape[1])
        weights[trial.index(comparison.arms)] += 1 / len(comparison.arms)
        weights[trial.index(comparison.against)] -= 1 / len(comparison.against)
        result = fit_least_squares(y[people], X, weights, cluster)
        yield ContrastRow(outcome, comparison, visit, "ancova", result, int(people.sum()), sd, unit)


def distances(trial: Trial, plan: TrialPlan, neutral: float) -> tuple[Array, NDArray[np.bool_], float]:
    """Distance from neutral (n, V), who lies beyond it at baseline (n,), and their share of those measured.

    neutral  in problem space, so that `beyond` is on the problem's side
    """
    assert plan.distance is not None
    Y = trial.values[plan.distance.of]
    start = Y[:, 0]
    with np.errstate(invalid="ignore"):
        beyond = start > neutral
    known = ~np.isnan(start)
    return np.abs(Y - neutral), beyond & known, float(beyond[known].mean()) if known.any() else math.nan
