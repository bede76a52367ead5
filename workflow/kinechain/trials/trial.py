"""A trial as arrays: who was in which arm, what was seen of them at each visit, and what must be right before that."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kinechain.cohort import Cohort, place_of_visit
from kinechain.errors import Problem, closest, raise_if_any
from kinechain.numerics import Array
from kinechain.trials.plan import FILE, TrialPlan

FEWEST_SHOWN = 10
"""Counts of people below this are not told in a message."""

TRIAL_TABLES = (
    "flow",
    "baseline",
    "trajectories",
    "contrasts",
    "factorial",
    "responders",
    "relapse",
    "mediation",
    "mediator_rho",
    "unseen_visits",
    "tipping",
    "lags",
    "equal_lags",
)
"""Names of the tables that the analysis of a trial may make; each is a csv of the folder `trial` beside its report."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One trial.

    arms        names, the control arm first
    arm         (n,)    index into arms
    visits      names in order of time
    values      construct -> (n, V), NaN where not seen
    day         (n, V)  day of each visit, NaN where unknown
    attended    (n, V)  whether anything was recorded
    covariates  names of the columns of Z
    Z           (n, c)  baseline covariates and sites; a missing one stands at its mean, harmless under randomisation
    filled      covariate -> how many values stand at the mean
    left_out    covariates of the plan that this trial lacks
    cluster     (n,) or None
    units       construct -> unit
    measures    construct -> measure
    """

    name: str
    arms: tuple[str, ...]
    arm: NDArray[np.intp]
    visits: tuple[str, ...]
    values: Mapping[str, Array]
    day: Array
    attended: NDArray[np.bool_]
    covariates: tuple[str, ...]
    Z: Array
    filled: Mapping[str, int]
    left_out: tuple[str, ...]
    cluster: NDArray[np.intp] | None
    units: Mapping[str, str]
    measures: Mapping[str, str]

    @property
    def n(self) -> int:
        """People randomised."""
        return len(self.arm)

    def at(self, construct: str, visit: str) -> Array:
        """(n,) values of a construct at a visit."""
        column: Array = self.values[construct][:, self.visits.index(visit)]
        return column

    def index(self, names: tuple[str, ...]) -> list[int]:
        """Positions of arms by name."""
        return [self.arms.index(name) for name in names]


def trial_from(cohort: Cohort, plan: TrialPlan) -> Trial:
    """The trial a cohort holds.

    White & Thompson (2005), Statistics in Medicine 24, 993-1007, on missing baseline covariates.
    Raises UserError with everything that must be mended first.
    """
    raise_if_any(check_trial(cohort, plan))
    people = cohort.people
    assert people is not None
    visits = tuple(str(visit) for visit in cohort.extra["visits"])
    labels = people[cohort.roles["arm"]].astype(str)
    present = [str(arm) for arm in cohort.extra["arms"] if (labels == str(arm)).any()]
    arms = (plan.control, *(arm for arm in present if arm != plan.control))
    values = {name: table for name, table in _over_visits(cohort, visits).items() if _moves(table)}
    day = _by_visit(people, "visit_day", visits)
    recorded = np.array([~np.isnan(table) for table in values.values()])
    Z, covariates, filled = _covariates(people, cohort, plan)
    cluster = None
    if "cluster" in cohort.roles:
        cluster = np.asarray(pd.factorize(people[cohort.roles["cluster"]])[0], dtype=np.intp)
    return Trial(
        name=cohort.name,
        arms=arms,
        arm=np.array([arms.index(label) for label in labels], dtype=np.intp),
        visits=visits,
        values=values,
        day=day,
        attended=np.asarray(recorded.any(axis=0)),
        covariates=covariates,
        Z=Z,
        filled=filled,
        left_out=tuple(name for name in plan.covariates if name not in people.columns),
        cluster=cluster,
        units={name: cohort.units.get(name, "") for name in values},
        measures=dict(cohort.constructs),
    )


def _over_visits(cohort: Cohort, visits: tuple[str, ...]) -> dict[str, Array]:
    """Constructs with a value at a later visit -> (n, V)."""
    assert cohort.people is not None
    return {
        name: _by_visit(cohort.people, name, visits)
        for name in cohort.constructs
        if any(f"{name}_{visit}" in cohort.people.columns for visit in visits[1:])
    }


def _moves(table: Array) -> bool:
    """Whether a value differs between visits in anybody; what never does was copied from visit to visit, as age is."""
    seen = ~np.isnan(table)
    low = np.where(seen, table, np.inf).min(axis=1)
    high = np.where(seen, table, -np.inf).max(axis=1)
    return bool((low < high).any() or not seen[:, 0].any())


def _by_visit(people: pd.DataFrame, name: str, visits: tuple[str, ...]) -> Array:
    columns = [f"{name}_{visit}" for visit in visits]
    out = np.full((len(people), len(visits)), np.nan)
    for v, column in enumerate(columns):
        if column in people.columns:
            out[:, v] = people[column].to_numpy(dtype=float)
    return out


def _covariates(people: pd.DataFrame, cohort: Cohort, plan: TrialPlan) -> tuple[Array, tuple[str, ...], dict[str, int]]:
    columns, names, filled = [], [], {}
    for name in plan.covariates:
        if name in people.columns:
            value = people[name].to_numpy(dtype=float).copy()
            gone = np.isnan(value)
            if gone.any():
                filled[name] = int(gone.sum())
                value[gone] = value[~gone].mean()
            if value.std() > 0:
                columns.append(value)
                names.append(name)
    if "site" in cohort.roles:
        code, levels = pd.factorize(people[cohort.roles["site"]].astype(str), sort=True)
        for level in range(1, len(levels)):
            columns.append((code == level).astype(float))
            names.append(f"site {levels[level]}")
    Z = np.column_stack(columns) if columns else np.zeros((len(people), 0))
    return Z, tuple(names), filled


def people_in_words(count: int) -> str:
    """A count of people for a message, masked when small."""
    return f"{count} people" if count >= FEWEST_SHOWN else f"fewer than {FEWEST_SHOWN} people"


def check_trial(cohort: Cohort, plan: TrialPlan) -> list[Problem]:
    """What keeps a cohort from being analysed as a trial, one line each."""
    if cohort.people is None or "arm" not in cohort.roles:
        return [
            Problem(
                cohort.name,
                "a trial needs the arm of every person",
                f"Name its column under `arm` in config/cohorts/{cohort.name}.yaml",
            )
        ]
    return [*_check_arms(cohort, plan), *_check_visits(cohort, plan), *_check_covariates(cohort, plan)]


def _check_arms(cohort: Cohort, plan: TrialPlan) -> Iterator[Problem]:
    people, where = cohort.people, f"config/cohorts/{cohort.name}.yaml"
    assert people is not None
    labels = people[cohort.roles["arm"]]
    missing = int(labels.isna().sum())
    if missing:
        yield Problem(
            cohort.name,
            f"the arm of {people_in_words(missing)} is missing",
            "Randomised people have one: complete the column, or leave them out under `eligibility`",
        )
    counts = labels.dropna().astype(str).value_counts()
    declared = [str(arm) for arm in cohort.extra.get("arms", ())]
    for arm in declared:
        number = int(counts.get(arm, 0))
        if number == 0:
            yield Problem(cohort.name, f"nobody is in arm `{arm}`", f"Correct `arms` in {where}")
        elif number == 1:
            yield Problem(
                cohort.name,
                f"arm `{arm}` has one person, which no arm can be compared with",
                f"Leave the arm out under `eligibility` in {where}, or correct `arms`",
            )
    if plan.control not in declared:
        yield Problem(
            FILE, f"the control arm `{plan.control}` is not an arm of {cohort.name}", closest(plan.control, declared)
        )


def _check_visits(cohort: Cohort, plan: TrialPlan) -> Iterator[Problem]:
    visits = list(cohort.visits)
    where = f"config/cohorts/{cohort.name}.yaml"
    if len(visits) < 2:
        yield Problem(
            cohort.name, "a trial needs two visits or more", f"Name them in order of time under `visits` in {where}"
        )
        return
    unknown = [name for name in (plan.baseline, plan.after, plan.later) if name not in visits]
    for name in unknown:
        yield Problem(FILE, f"the visit `{name}` is not a visit of {cohort.name}", closest(name, visits, where))
    if not unknown:
        order = [visits.index(name) for name in (plan.baseline, plan.after, plan.later)]
        if order[0] != 0:
            yield Problem(
                FILE,
                f"`{plan.baseline}` is called the baseline but is not the first visit of {cohort.name}",
                f"Write `baseline: {visits[0]}`",
            )
        if order[1] >= order[2]:
            yield Problem(
                FILE,
                f"the mediators are measured at `{plan.after}`, which is not before their outcome at `{plan.later}`",
                "Let `after` be an earlier visit than `later`: a cause is measured before what it causes",
            )
    yield from check_visits(cohort)


def check_visits(cohort: Cohort) -> Iterator[Problem]:
    """Visits of any cohort that nobody attended, or whose days run backward; nothing for a cohort of one visit."""
    people, where = cohort.people, f"config/cohorts/{cohort.name}.yaml"
    visits = cohort.visits
    if people is None or len(visits) < 2:
        return
    moving = [table for table in _over_visits(cohort, visits).values() if _moves(table)]
    for v, visit in enumerate(visits):
        if all(np.isnan(table[:, v]).all() for table in moving):
            yield Problem(
                cohort.name, f"nobody attended the visit `{visit}`", f"Leave it out of `visits` in {where}, or map it"
            )
    days = _by_visit(people, "visit_day", visits)
    for before, after in pairwise(range(len(visits))):
        with np.errstate(invalid="ignore"):
            wrong = int((days[:, after] <= days[:, before]).sum())
        if wrong:
            yield Problem(
                cohort.name,
                f"the visit `{visits[after]}` is not after `{visits[before]}` by its day in {people_in_words(wrong)}",
                f"Put `visits` in {where} in order of time, or correct the days in the file",
            )


def _check_covariates(cohort: Cohort, plan: TrialPlan) -> Iterator[Problem]:
    later = cohort.visits[1:]
    for name in plan.covariates:
        for visit in later:
            base = name.removesuffix(f"_{visit}")
            if base != name and name not in cohort.constructs:
                yield Problem(
                    FILE,
                    f"the covariate `{name}` is measured after treatment began, so that adjusting for it hides part of"
                    " the effect",
                    f"Use `{base}`, its value at the first visit",
                )


def check_time_order(
    model: str,
    paths: list[tuple[str, str]],
    visits: tuple[str, ...],
    arms: tuple[str, ...] = (),
    plain: Collection[str] = (),
) -> list[Problem]:
    """Paths of a model that run backward in time, and arms explained by what followed them.

    paths   (outcome, cause) pairs; a name ending in `_<visit>` was measured at that visit, any other at the first
    visits  in order of time
    arms    names of the arm indicators
    plain   constructs and measures: names without a visit, however they end
    """
    problems = []
    for outcome, cause in paths:
        caused, causing = (place_of_visit(name, visits, plain) for name in (outcome, cause))
        if outcome in arms:
            problems.append(
                Problem(model, f"the arm `{outcome}` is explained by `{cause}`", "Arms are dealt at random: drop it")
            )
        elif causing > caused:
            problems.append(
                Problem(
                    model,
                    f"`{cause}` is measured after `{outcome}`, which it is said to cause",
                    f"Use a visit of `{cause}` that comes before `{visits[caused]}`, or turn the path round",
                )
            )
    return problems
