"""Natural direct and indirect effects on a contrast in clinical units, with exposure-mediator interaction."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kinechain.checks.plan import CheckResult, Question, Study
from kinechain.estimators.families import FAMILIES
from kinechain.numerics import Array
from kinechain.numerics.natural import (
    NaturalEffects,
    natural_effects_binary,
    natural_effects_linear,
    natural_effects_ordered,
)
from kinechain.numerics.normal_law import draw_normal
from kinechain.numerics.regression import fit_rows
from kinechain.numerics.sensitivity import e_value, e_value_of_interval

DRAWS = 2_000
"""Monte Carlo draws of the coefficients behind each interval."""

DRAWS_ORDERED = 500
"""The same for an ordered outcome, each of whose bands takes as long as a binary one."""


BANDS = "bands"
"""What `cut` says for an outcome cut into the declared bands of its measure."""


def check_natural_effects(study: Study) -> CheckResult:
    """Each declared exposure moved by the declared contrast about its mean, never from 0 to 1.

    The mediator's equation and the outcome's, with exposure x mediator, are fitted by least squares (a binary
    outcome by logistic regression, an ordered one by proportional odds, their effects differences of probability);
    intervals come from draws of the coefficients, whose two blocks are independent. Bands with fewer people than may
    be shown are joined to the band below.

    Columns: question, outcome_kind (linear, binary or ordered), quantity (total, natural direct, natural indirect,
    interaction, proportion mediated; where the outcome is a probability also risk ratio and E-value), contrast (text,
    in units), estimate, low, high, unit, note, n.
    """
    rows: list[tuple[object, ...]] = []
    notes: list[str] = []
    for place, question in enumerate(study.plan.natural_effects):
        if not study.has(question.needs) or study.cohort.people is None:
            notes.append(f"{question.text}: rows of all of them are needed.")
            continue
        rng = np.random.default_rng(np.random.SeedSequence(study.seed, spawn_key=(1, place)))
        try:
            rows += _rows(study, question, rng)
        except _CannotBeAskedError as error:
            notes.append(f"{question.text}: {error}")
    columns = ["question", "outcome_kind", "quantity", "contrast", "estimate", "low", "high", "unit", "note", "n"]
    return CheckResult("natural_effects", pd.DataFrame(rows, columns=columns), tuple(notes))


class _CannotBeAskedError(Exception):
    """Why a question has no answer in this cohort."""


def _rows(study: Study, question: Question, rng: np.random.Generator) -> list[tuple[object, ...]]:
    names = (question.exposure, question.mediator, question.outcome)
    covariates = tuple(
        name
        for name in study.covariates(question.adjust, question.outcome, question.exposure, question.mediator)
        if name not in names
    )
    data = study.rows((*names, *covariates))
    x, m, y, C = data[:, 0], data[:, 1], data[:, 2], data[:, 3:]
    step = study.decisions.value(question.contrast)
    unit = study.cohort.units.get(question.exposure, "")
    if unit != study.decisions[question.contrast].unit:
        asked = study.decisions[question.contrast].unit
        raise _CannotBeAskedError(
            f"the contrast is in {asked}, but {question.exposure} is measured in {unit or 'no unit'}"
        )
    ones = np.ones(len(x))
    mediator, mediator_V = fit_rows(m, np.column_stack([ones, x, C]))
    outcome_X = np.column_stack([ones, x, m, x * m, C])
    reference, contrast = x.mean() - step / 2, x.mean() + step / 2
    a = np.vstack([mediator, draw_normal(rng, mediator, mediator_V, DRAWS)])
    if question.cut == BANDS:
        return _ordered_rows(study, question, data, (mediator, mediator_V), rng)
    if question.cut:
        cut = _cut(study, question)
        event = (y >= cut).astype(np.float64)
        fewest = study.decisions.value("gate.smallest_shown_count")
        if min(event.sum(), len(event) - event.sum()) < fewest:
            raise _CannotBeAskedError(f"fewer than {fewest:.0f} people lie on one side of the cut")
        outcome, outcome_V = _logistic(event, outcome_X)
        b = np.vstack([outcome, draw_normal(rng, outcome, outcome_V, DRAWS)])
        spread = math.sqrt(
            float(np.sum((m - np.column_stack([ones, x, C]) @ mediator) ** 2)) / (len(x) - len(mediator))
        )
        effects = natural_effects_binary(
            a, np.full(len(a), spread), b, C, reference=reference, contrast=contrast, link="logit"
        )
        kind, unit, clinical = "binary", f"probability of at least {cut:g}", math.nan
    else:
        outcome, outcome_V = fit_rows(y, outcome_X)
        b = np.vstack([outcome, draw_normal(rng, outcome, outcome_V, DRAWS)])
        effects = natural_effects_linear(a, b, C.mean(axis=0), reference=reference, contrast=contrast)
        kind, unit = "linear", study.cohort.units.get(question.outcome, "")
        clinical = _mcid(study, question)
    text = f"{step:g} {study.cohort.units.get(question.exposure, '')} more of {question.exposure}, about its mean"
    return _summary(study, question, effects, b[:, 3], (kind, text, unit), clinical, len(x))


def _ordered_rows(
    study: Study, question: Question, data: Array, mediator: tuple[Array, Array], rng: np.random.Generator
) -> list[tuple[object, ...]]:
    """Rows of an outcome in bands: the change of the probability of reaching each."""
    x, m, y, C = data[:, 0], data[:, 1], data[:, 2], data[:, 3:]
    cuts = _bands(study, question, y)
    slopes, slopes_V = mediator
    X = np.column_stack([np.ones(len(x)), x, C])
    spread = math.sqrt(float(np.sum((m - X @ slopes) ** 2)) / (len(x) - len(slopes)))
    outcome, thresholds = _proportional_odds(np.searchsorted(cuts, y, side="right"), x, m, C, rng)
    a = np.vstack([slopes, draw_normal(rng, slopes, slopes_V, DRAWS_ORDERED)])
    step = study.decisions.value(question.contrast)
    found = natural_effects_ordered(
        a,
        np.full(len(a), spread),
        outcome,
        thresholds,
        C,
        reference=float(x.mean()) - step / 2,
        contrast=float(x.mean()) + step / 2,
        link="logit",
    )
    text = f"{step:g} {study.cohort.units.get(question.exposure, '')} more of {question.exposure}, about its mean"
    own = study.cohort.units.get(question.outcome, "")
    rows: list[tuple[object, ...]] = []
    for cut, effects in zip(cuts, found, strict=True):
        labels = ("ordered", text, f"probability of at least {cut:g} {own}".strip())
        rows += _summary(study, question, effects, outcome[:, 3], labels, math.nan, len(x))
    return rows


def _bands(study: Study, question: Question, y: Array) -> Array:
    """Lower ends of the bands above the lowest, each with enough people on it to be shown."""
    measure = study.cohort.constructs.get(question.outcome, question.outcome)
    if f"bands.{measure}" not in study.decisions:
        raise _CannotBeAskedError(f"no bands are declared for `{measure}`")
    fewest = study.decisions.value("gate.smallest_shown_count")
    kept: list[float] = []
    for cut in sorted(study.decisions[f"bands.{measure}"].values):
        below = np.count_nonzero((y < cut) & (y >= kept[-1] if kept else True))
        if below >= fewest and np.count_nonzero(y >= cut) >= fewest:
            kept.append(cut)
    if len(kept) < 2:
        raise _CannotBeAskedError(f"fewer than three bands have {fewest:.0f} people or more")
    return np.asarray(kept)


def _proportional_odds(
    band: NDArray[np.intp], x: Array, m: Array, C: Array, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Coefficients as for a binary outcome (intercept column zero) and thresholds: the estimate first, then draws.

    Proportional odds with exposure x mediator, by the estimator that models of ordered outcomes use.
    """
    X = np.column_stack([x, m, x * m, C])
    centre, scale = X.mean(axis=0), X.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    fit = FAMILIES["ordered_logit"].fit(band.astype(np.float64), (X - centre) / scale, None)
    if fit.problem or not np.isfinite(fit.covariance).all():
        raise _CannotBeAskedError("the proportional-odds regression did not converge")
    k = X.shape[1]
    # Drawn as the first threshold and the logarithms of the steps to the next, so that every draw has them in order.
    step = np.diff(fit.cuts)
    estimate = np.concatenate([fit.slopes, fit.cuts[:1], np.log(step)])
    turn = np.eye(len(estimate))
    later = np.arange(k + 1, len(estimate))
    turn[later, later], turn[later, later - 1] = 1 / step, -1 / step
    drawn = np.vstack([estimate, draw_normal(rng, estimate, turn @ fit.covariance @ turn.T, DRAWS_ORDERED)])
    slopes = drawn[:, :k] / scale
    steps = np.column_stack([drawn[:, k], np.exp(drawn[:, k + 1 :])])
    thresholds = np.cumsum(steps, axis=1) + (slopes @ centre)[:, None]
    return np.column_stack([np.zeros(len(drawn)), slopes]), thresholds


def _summary(
    study: Study,
    question: Question,
    effects: NaturalEffects,
    interaction: Array,
    labels: tuple[str, str, str],
    clinical: float,
    n: int,
) -> list[tuple[object, ...]]:
    """Rows of one question; the first draw of every array is the estimate."""
    kind, text, unit = labels
    level = study.decisions.value("level")
    ends = [(1 - level) / 2, (1 + level) / 2]
    rows: list[tuple[object, ...]] = []

    def limits(draws: Array) -> tuple[float, float, float]:
        low, high = np.quantile(draws[1:], ends)
        return float(draws[0]), float(low), float(high)

    for quantity, draws in (
        ("total", effects.total),
        ("natural direct", effects.direct_pure),
        ("natural indirect", effects.indirect_total),
    ):
        estimate, low, high = limits(draws)
        share = (
            f"{100 * abs(estimate) / clinical:.0f} % of the smallest difference that matters" if clinical > 0 else ""
        )
        rows.append((question.text, kind, quantity, text, estimate, low, high, unit, share, n))
    rows.append((question.text, kind, "interaction", text, *limits(interaction), "coefficient", "", n))
    if kind in ("binary", "ordered"):
        ratio = limits(1 + effects.total / effects.start)
        rows.append((question.text, kind, "risk ratio", text, *ratio, "ratio", "", n))
        value, bound = e_value(ratio[0]), e_value_of_interval(ratio[1], ratio[2])
        note = "ratio a confounder must have with both ends to explain the total; low: for the nearer limit"
        rows.append((question.text, kind, "E-value", text, value, bound, math.nan, "ratio", note, n))
    share_draws, note = proportion_mediated(effects.indirect_total, effects.direct_pure, effects.total, level)
    shown = limits(share_draws) if share_draws is not None else (math.nan, math.nan, math.nan)
    rows.append((question.text, kind, "proportion mediated", text, *shown, "share", note, n))
    return rows


def proportion_mediated(indirect: Array, direct: Array, total: Array, level: float) -> tuple[Array | None, str]:
    """Share of a total effect that is indirect, only where it has a meaning; else None and why.

    indirect, direct, total  the estimate first, then draws

    It has one where both parts have the sign of the total and the interval of the total leaves zero out.
    """
    low, high = np.quantile(total[1:], [(1 - level) / 2, (1 + level) / 2])
    if low <= 0 <= high:
        return None, "not given: the interval of the total effect holds zero"
    if np.sign(indirect[0]) != np.sign(direct[0]):
        return None, "not given: direct and indirect effect have opposite signs"
    return indirect / total, ""


def _cut(study: Study, question: Question) -> float:
    mcid = _mcid(study, question)
    if not mcid > 0:
        measure = study.cohort.constructs.get(question.outcome, question.outcome)
        raise _CannotBeAskedError(f"no minimal clinically important difference is declared for `{measure}`")
    return mcid


def _mcid(study: Study, question: Question) -> float:
    name = f"mcid.{study.cohort.constructs.get(question.outcome, question.outcome)}"
    return study.decisions.value(name) if name in study.decisions else math.nan


def _logistic(event: Array, X: Array) -> tuple[Array, Array]:
    """Coefficients and covariance of a logistic regression, by statsmodels."""
    import statsmodels.api as sm

    spread = X.std(axis=0)
    scale = np.where(spread > 0, spread, 1.0)
    fitted = sm.GLM(event, X / scale, family=sm.families.Binomial()).fit()
    if not fitted.converged or not np.all(np.isfinite(fitted.bse)):
        raise _CannotBeAskedError("the logistic regression did not converge")
    return np.asarray(fitted.params) / scale, np.asarray(fitted.cov_params()) / np.outer(scale, scale)
