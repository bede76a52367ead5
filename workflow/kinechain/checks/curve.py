"""Specification curve: each link under every admissible choice, the declared one marked."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pandas as pd
from scipy.special import ndtri

from kinechain.checks.plan import CheckResult, Study
from kinechain.graph import graph_of, is_single_door_set, minimal_single_door_sets
from kinechain.numerics.imputation import em_moments
from kinechain.numerics.moments import Moments, moments_from_data
from kinechain.numerics.regression import regress

MISSING = ("listwise", "maximum likelihood")
MOST_SETS = 6
OUTCOME, CAUSE = ".outcome", ".cause"
"""Names no variable can have, so that a covariate is never taken for either end."""


def check_specifications(study: Study) -> CheckResult:
    """The standardised path of each link for every combination of admissible choices.

    Choices: adjustment sets that the main model's graph allows (the declared one and the minimal ones; an inadmissible
    set is never run), measures of cause and outcome (the declared one and the alternatives of config/checks.yaml, one a
    construct), and what is done about gaps (complete rows, or maximum-likelihood moments by EM).

    Columns: effect, estimate, low, high, adjustment, cause_measure, outcome_measure, missing, main (the declared
    choice), rank (by estimate, within the effect), n (rounded down to a
    multiple of the smallest count that may be shown: differences between choices would give small gaps away).
    """
    columns = [
        "effect",
        "estimate",
        "low",
        "high",
        "adjustment",
        "cause_measure",
        "outcome_measure",
        "missing",
        "main",
        "rank",
        "n",
    ]
    spec = study.models.get(study.plan.main_model)
    if spec is None or study.cohort.people is None:
        note = "A specification curve needs the main model and rows of people."
        return CheckResult("specifications", pd.DataFrame(columns=columns), (note,))
    graph = graph_of(spec)
    rows: list[tuple[object, ...]] = []
    notes: list[str] = []
    z = float(ndtri((1 + study.decisions.value("level")) / 2))
    fewest = int(study.decisions.value("gate.smallest_shown_count"))
    for outcome, cause in study.plan.edges:
        if (cause, outcome) not in graph.arrows:
            continue
        declared = tuple(name for name in study.parents(outcome) if name != cause)
        sets = [declared, *minimal_single_door_sets(graph, cause, outcome)[:MOST_SETS]]
        distinct = {frozenset(one): one for one in reversed(sets)}  # a set in another order is no other choice
        admissible = [one for one in reversed(distinct.values()) if is_single_door_set(graph, cause, outcome, one)]
        if declared not in admissible:
            notes.append(f"{outcome}~{cause}: the declared adjustment set is not admissible by its own graph.")
        choices = product(admissible, _measures(study, cause), _measures(study, outcome), MISSING)
        for adjustment, x, y, missing in choices:
            moments = _moments(study, y, x, adjustment, missing)
            fitted = regress(moments, OUTCOME, (CAUSE, *adjustment))
            sd = np.sqrt(np.diag(moments.covariance))
            estimate, error = fitted.slope(CAUSE) * sd[1] / sd[0], fitted.std_error(CAUSE) * sd[1] / sd[0]
            main = (adjustment, x, y, missing) == (declared, (cause, 1.0), (outcome, 1.0), spec.missing)
            if spec.missing == "fiml":
                main = (adjustment, x, y, missing) == (declared, (cause, 1.0), (outcome, 1.0), MISSING[1])
            names = [study.cohort.constructs.get(name, name) for name, _ in (x, y)]
            text = ", ".join(adjustment) or "nothing"
            limits = (estimate, estimate - z * error, estimate + z * error)
            rows.append(
                (f"{outcome}~{cause}", *limits, text, *names, missing, main, math.nan, moments.n // fewest * fewest)
            )
    table = pd.DataFrame(rows, columns=columns)
    # Two choices that come to the same must not change places by rounding.
    table["rank"] = table["estimate"].round(9).groupby(table["effect"], sort=False).rank(method="first").astype(int)
    return CheckResult("specifications", table, tuple(notes))


def _measures(study: Study, construct: str) -> list[tuple[str, float]]:
    """The construct itself and its other measures, each with the sign that turns it into problem space."""
    others = (study.plan.alternatives or {}).get(construct, ())
    there = [(name, study.measure_orientation(name)) for name in others if study.has((name,))]
    return [(construct, 1.0), *((name, sign) for name, sign in there if sign)]


def _moments(
    study: Study, y: tuple[str, float], x: tuple[str, float], adjustment: tuple[str, ...], missing: str
) -> Moments:
    assert study.cohort.people is not None
    values = study.cohort.people[[y[0], x[0], *adjustment]].to_numpy(dtype=np.float64)
    values = values * np.array([y[1], x[1], *[1.0] * len(adjustment)])
    names = (OUTCOME, CAUSE, *adjustment)
    seen = np.isfinite(values)
    if missing == MISSING[0] or seen.all():
        return moments_from_data(names, values[seen.all(axis=1)])
    both = values[seen[:, :2].any(axis=1)]
    mean, covariance = em_moments(both)
    return Moments(names, mean, covariance, int(seen[:, :2].all(axis=1).sum()))
