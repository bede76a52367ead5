"""Paths that depend on a third variable: conditional effects, Johnson-Neyman region, index of moderated mediation."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from scipy.special import ndtri

from kinechain.checks.plan import EXPLORATORY, CheckResult, Question, Study
from kinechain.numerics import Array
from kinechain.numerics.conditional import conditional_effect, johnson_neyman, within
from kinechain.numerics.normal_law import draw_normal
from kinechain.numerics.regression import fit_rows

REACHED = (0.05, 0.95)
"""Quantiles of a moderator between which its people are taken to lie, for the ends of a Johnson-Neyman region."""

DRAWS = 20_000
"""Monte Carlo draws of the two slopes behind an index; its error is far below the digits shown."""


def check_moderation(study: Study) -> CheckResult:
    """Each declared moderated path at the moderator's mean and one SD around it, with the index where it is defined.

    The moderator is centred at its mean. The index of moderated mediation is the slope of the indirect effect over the
    moderator; it is defined when the moderator bends one of the two paths linearly, as here, and not when it bends
    both, for then the indirect effect is a curve (Hayes 2015, doi 10.1080/00273171.2014.962683).

    Columns: question, moderator, path (first, second; both for an indirect effect of two moderated paths), quantity
    (conditional effect, conditional indirect effect, interaction, index), at (moderator in its own unit; NaN where
    none), estimate, low, high, region (Johnson-Neyman, as far as people reach), region_low, region_high (NaN where
    people do not reach them), n.
    """
    rows: list[tuple[object, ...]] = []
    notes = [EXPLORATORY] if study.plan.moderation else []
    for place, question in enumerate(study.plan.moderation):
        if not study.has(question.needs) or study.cohort.people is None:
            notes.append(f"{question.text} by {question.moderator}: rows of all of them are needed.")
            continue
        rng = np.random.default_rng(np.random.SeedSequence(study.seed, spawn_key=(place,)))
        rows += _rows(study, question, rng)
        if question.path == "both":
            notes.append(
                f"{question.text} by {question.moderator}: the moderator bends both paths, so that the indirect effect "
                "is a curve in it and no single index describes it."
            )
    columns = [
        "question",
        "moderator",
        "path",
        "quantity",
        "at",
        "estimate",
        "low",
        "high",
        "region",
        "region_low",
        "region_high",
        "n",
    ]
    return CheckResult("moderation", pd.DataFrame(rows, columns=columns), tuple(notes))


def _rows(study: Study, question: Question, rng: np.random.Generator) -> list[tuple[object, ...]]:
    level = study.decisions.value("level")
    names = (question.exposure, question.mediator, question.outcome, question.moderator)
    covariates = tuple(
        name
        for name in study.covariates(question.adjust, question.outcome, question.exposure, question.mediator)
        if name not in names
    )
    data = study.rows((*names, *covariates))
    x, m, y, w = data[:, 0], data[:, 1], data[:, 2], data[:, 3]
    centre, spread = w.mean(), w.std(ddof=1)
    v, C, ones = w - centre, data[:, 4:], np.ones(len(x))
    bends = {path: question.path in (path, "both") for path in ("first", "second")}
    first_X = np.column_stack([ones, x, x * v, v, C] if bends["first"] else [ones, x, v, C])
    second_X = np.column_stack([ones, m, m * v, x, v, C] if bends["second"] else [ones, m, x, v, C])
    first, first_V = fit_rows(m, first_X)
    second, second_V = fit_rows(y, second_X)
    z = float(ndtri((1 + level) / 2))
    at = np.array([-spread, 0.0, spread])
    rows: list[tuple[object, ...]] = []
    for path, bent, V, X in (("first", first, first_V, first_X), ("second", second, second_V, second_X)):
        if not bends[path]:
            continue
        region = johnson_neyman(bent[1], bent[2], V[1:3, 1:3], len(x) - X.shape[1], level)
        region = within(region, *np.quantile(v, REACHED))
        effects, errors = conditional_effect(bent[1], bent[2], V[1:3, 1:3], at)
        shared = (region.region, region.low + centre, region.high + centre, len(x))
        head = (question.text, question.moderator, path)
        rows += [
            (*head, "conditional effect", value + centre, effect, effect - z * error, effect + z * error, *shared)
            for value, effect, error in zip(at, effects, errors, strict=True)
        ]
        error = math.sqrt(V[2, 2])
        rows.append((*head, "interaction", math.nan, bent[2], bent[2] - z * error, bent[2] + z * error, *shared))
    head = (question.text, question.moderator, question.path)
    return rows + _indirect(head, question, (first, first_V), (second, second_V), at + centre, at, rng, level, len(x))


def _indirect(
    head: tuple[str, str, str],
    question: Question,
    first: tuple[Array, Array],
    second: tuple[Array, Array],
    shown: Array,
    at: Array,
    rng: np.random.Generator,
    level: float,
    n: int,
) -> list[tuple[object, ...]]:
    """Conditional indirect effects and their slope over the moderator; the two equations' errors are independent."""
    a = draw_normal(rng, first[0], first[1], DRAWS)
    b = draw_normal(rng, second[0], second[1], DRAWS)
    ends = [(1 - level) / 2, (1 + level) / 2]
    rows: list[tuple[object, ...]] = []
    blank = ("", math.nan, math.nan, n)

    def row(quantity: str, place: float, value: float, draws: Array) -> None:
        low, high = np.quantile(draws, ends)
        rows.append((*head, quantity, place, value, float(low), float(high), *blank))

    def at_moderator(slopes: Array, value: float, path: str) -> Array:
        bend = slopes[..., 2] * value if question.path in (path, "both") else 0.0
        moved: Array = slopes[..., 1] + bend
        return moved

    for value, place in zip(at, shown, strict=True):
        estimate = at_moderator(first[0], value, "first") * at_moderator(second[0], value, "second")
        product = at_moderator(a, value, "first") * at_moderator(b, value, "second")
        row("conditional indirect effect", place, float(estimate), product)
    if question.path == "first":
        row("index of moderated mediation", math.nan, first[0][2] * second[0][1], a[:, 2] * b[:, 1])
    elif question.path == "second":
        row("index of moderated mediation", math.nan, first[0][1] * second[0][2], a[:, 1] * b[:, 2])
    return rows
