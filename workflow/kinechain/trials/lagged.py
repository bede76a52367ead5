"""What comes first: models of two variables over visits, written in lavaan syntax and fitted by the engine.

Cross-lagged panel, random-intercept cross-lagged panel (three visits or more), latent change score and growth. Lags are
compared on the standardised scale of their visit: `dir := x2 - x1` is positive when x leads y more than y leads x.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from kinechain.comparison import Comparison, compare_fits
from kinechain.effects import estimate_effects
from kinechain.errors import Problem, UserError
from kinechain.estimators import fit_model
from kinechain.fit import Fit, Status
from kinechain.numerics import Array
from kinechain.spec import spec_from_text
from kinechain.trials.mediation import indicator
from kinechain.trials.plan import TrialPlan
from kinechain.trials.trial import Trial


def at(name: str, visit: str) -> str:
    """Column of a variable at a visit."""
    return f"{name}_{visit}"


def cross_lagged_text(
    x: str, y: str, visits: Sequence[str], covariates: Sequence[str] = (), *, equal: bool = False
) -> str:
    """Cross-lagged panel model: each variable on itself and on the other, one visit before.

    covariates  enter every equation
    equal       hold both lags and both stabilities equal over the pairs of visits (raw scale)

    Labels: x1_<visit> from y to x, x2_<visit> from x to y; x1, x2 their means over the pairs, dir := x2 - x1.
    """
    more = "".join(f" + {name}" for name in covariates)
    lines = []
    for before, now in pairwise(visits):
        own = _lag_labels(now, equal)
        lines.append(f"{at(x, now)} ~ {own[0]}*{at(x, before)} + {own[2]}*{at(y, before)}{more}")
        lines.append(f"{at(y, now)} ~ {own[1]}*{at(y, before)} + {own[3]}*{at(x, before)}{more}")
        lines.append(f"{at(x, now)} ~~ {at(y, now)}")
    return "\n".join([*lines, *_directions(visits, equal)])


def _lag_labels(now: str, equal: bool) -> tuple[str, str, str, str]:
    """Labels of both stabilities and both lags into a visit."""
    return ("sx", "sy", "lx", "ly") if equal else (f"sx_{now}", f"sy_{now}", f"x1_{now}", f"x2_{now}")


def _directions(visits: Sequence[str], equal: bool) -> list[str]:
    """x1 and x2, the mean lags each way, and how much more x leads."""
    lines = []
    for place, name in ((2, "x1"), (3, "x2")):
        labels = list(dict.fromkeys(_lag_labels(now, equal)[place] for now in visits[1:]))
        lines.append(f"{name} := ({' + '.join(labels)})/{len(labels)}")
    return [*lines, "dir := x2 - x1"]


def random_intercept_text(
    x: str, y: str, visits: Sequence[str], covariates: Sequence[str] = (), *, equal: bool = False
) -> str:
    """Random-intercept cross-lagged panel model: lags within people, apart from what people always differ in.

    covariates  act on every visit of both variables; labels as in `cross_lagged_text`

    Hamaker, Kuiper & Grasman (2015), Psychological Methods 20, 102-116.
    Raises UserError with fewer than three visits, which cannot tell the two apart.
    """
    if len(visits) < 3:
        raise UserError(
            Problem(
                f"{x}, {y}",
                f"a random intercept needs three visits, there are {len(visits)}",
                "Use the cross-lagged panel model, and read it as between people and within people together",
            )
        )
    lines = []
    for name in (x, y):
        lines.append(f"between_{name} =~ " + " + ".join(f"1*{at(name, visit)}" for visit in visits))
        for visit in visits:
            lines.append(f"within_{at(name, visit)} =~ 1*{at(name, visit)}")
            lines.append(f"{at(name, visit)} ~~ 0*{at(name, visit)}")
            if covariates:
                lines.append(f"{at(name, visit)} ~ {' + '.join(covariates)}")
    for before, now in pairwise(visits):
        own = _lag_labels(now, equal)
        wx, wy = f"within_{at(x, before)}", f"within_{at(y, before)}"
        lines.append(f"within_{at(x, now)} ~ {own[0]}*{wx} + {own[2]}*{wy}")
        lines.append(f"within_{at(y, now)} ~ {own[1]}*{wy} + {own[3]}*{wx}")
        lines.append(f"within_{at(x, now)} ~~ within_{at(y, now)}")
    first = visits[0]
    lines.append(f"within_{at(x, first)} ~~ within_{at(y, first)}")
    lines.append(f"between_{x} ~~ between_{y}")
    lines += [f"between_{a} ~~ 0*within_{at(b, first)}" for a in (x, y) for b in (x, y)]
    lines += _directions(visits, equal)
    return "\n".join(lines)


def latent_change_text(x: str, y: str, visits: Sequence[str]) -> str:
    """Bivariate latent change score model: the change of each on its own level and on the level of the other.

    Labels: px, py (from the own level), gx (from y to the change of x), gy (from x to the change of y), equal over
    visits. McArdle (2009), Annual Review of Psychology 60, 577-605; scores without error of measurement.
    """
    lines = []
    for name in (x, y):
        for visit in visits:
            lines.append(f"level_{at(name, visit)} =~ 1*{at(name, visit)}")
            lines.append(f"{at(name, visit)} ~~ 0*{at(name, visit)}")
            lines.append(f"{at(name, visit)} ~ 0*1")
        for before, now in pairwise(visits):
            lines.append(f"level_{at(name, now)} ~ 1*level_{at(name, before)}")
            lines.append(f"change_{at(name, now)} =~ 1*level_{at(name, now)}")
            lines.append(f"level_{at(name, now)} ~~ 0*level_{at(name, now)}")
            lines.append(f"level_{at(name, now)} ~ 0*1")
            lines.append(f"change_{at(name, now)} ~ 1")
        lines.append(f"level_{at(name, visits[0])} ~ 1")
    for before, now in pairwise(visits):
        lx, ly = f"level_{at(x, before)}", f"level_{at(y, before)}"
        lines.append(f"change_{at(x, now)} ~ px*{lx} + gx*{ly}")
        lines.append(f"change_{at(y, now)} ~ py*{ly} + gy*{lx}")
        lines.append(f"change_{at(x, now)} ~~ change_{at(y, now)}")
    lines.append(f"level_{at(x, visits[0])} ~~ level_{at(y, visits[0])}")
    changes = [f"change_{at(name, now)}" for name in (x, y) for _, now in pairwise(visits)]
    pairs = [(a, b) for i, a in enumerate(changes) for b in changes[i + 1 :]]
    same = {frozenset((f"change_{at(x, now)}", f"change_{at(y, now)}")) for _, now in pairwise(visits)}
    lines += [f"{a} ~~ 0*{b}" for a, b in pairs if frozenset((a, b)) not in same]
    return "\n".join(lines)


def growth_text(name: str, visits: Sequence[str], days: Sequence[float]) -> str:
    """Linear growth of one variable, a unit of time being 30 days; intercept at the first visit.

    days  mean day of each visit
    """
    start = " + ".join(f"1*{at(name, visit)}" for visit in visits)
    slope = " + ".join(
        f"{(day - days[0]) / 30:.10g}*{at(name, visit)}" for visit, day in zip(visits, days, strict=True)
    )
    return f"start =~ {start}\nslope =~ {slope}\nstart ~~ slope"


def fit_lagged(text: str, data: Mapping[str, Array], *, name: str = "M9_lagged", growth: bool = False) -> Fit:
    """Fit a model of visits by full-information maximum likelihood."""
    spec = spec_from_text(text, name, name, missing="fiml", growth=growth, meanstructure=True)
    return fit_model(spec, dict(data))


@dataclass(frozen=True, slots=True)
class LagRow:
    """Two variables, each on the other one visit before; standardised within the visit.

    effect      x1 (y earlier, x later), x2 (x earlier, y later), dir := x2 - x1, or one pair of visits of them
    lag_days    mean days between the visits, NaN where unknown
    rmsea       how badly the model of the pair fits
    """

    x: str
    y: str
    effect: str
    lag_days: float
    rmsea: float
    row: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class EqualLags:
    """Whether lags and stabilities are the same over the pairs of visits (stationarity): chi-square difference."""

    x: str
    y: str
    chisq: float
    df: float
    p_value: float


@dataclass(frozen=True, slots=True)
class Within:
    """How the random-intercept model of a pair ended; its lags are shown only where its solution is proper."""

    x: str
    y: str
    status: str
    detail: str


@dataclass(frozen=True, slots=True)
class Lags:
    """Lags of every pair, whether they are equal over time, and how the models within people ended."""

    rows: tuple[LagRow, ...] = ()
    equal: tuple[EqualLags, ...] = ()
    within: tuple[Within, ...] = ()


def lagged_data(trial: Trial) -> dict[str, Array]:
    """Columns `<construct>_<visit>`, covariates and arm indicators."""
    data = {at(name, visit): trial.at(name, visit) for name in trial.values for visit in trial.visits}
    data |= {indicator(arm): (trial.arm == a).astype(float) for a, arm in enumerate(trial.arms)}
    return data | {f"z{j}": trial.Z[:, j] for j in range(trial.Z.shape[1])}


def trace_lags(trial: Trial, plan: TrialPlan) -> Lags:
    """Lags both ways between neighbours of the chain and its outcome; arms and covariates enter every equation.

    With three visits or more the lags within people of the last pair (effects `within_x1`, `within_x2`, `within_dir`)
    stand beside, where the random-intercept model has a proper solution; how it ended is always told.
    """
    if plan.mediation is None:
        return Lags()
    chain = [name for name in (*plan.mediation.chain, plan.mediation.outcome) if name in trial.values]
    data = lagged_data(trial)
    also = [indicator(arm) for arm in trial.arms[1:]] + [f"z{j}" for j in range(trial.Z.shape[1])]
    rows: list[LagRow] = []
    equal: list[EqualLags] = []
    statuses: list[Within] = []
    for x, y in pairwise(chain):
        # The pair is written from the top: x1 runs down the chain, x2 up.
        fit = fit_lagged(cross_lagged_text(x, y, trial.visits, also), data)
        if not fit.status.has_numbers:
            continue
        table = estimate_effects(fit)
        rows += list(_lags(trial, x, y, table, fit))
        if len(trial.visits) > 2:
            if y == chain[-1]:
                within = fit_lagged(random_intercept_text(x, y, trial.visits, also), data)
                statuses.append(Within(x, y, within.status.code, within.detail))
                if within.status is Status.CONVERGED:
                    found = _lags(trial, x, y, estimate_effects(within), within)
                    rows += [replace(row, effect=f"within_{row.effect}") for row in found]
            restricted = fit_lagged(cross_lagged_text(x, y, trial.visits, also, equal=True), data)
            if restricted.status.has_numbers:
                test: Comparison = compare_fits(restricted, fit)
                equal.append(EqualLags(x, y, test.chisq_difference, float(test.df_difference), test.p_value))
    return Lags(tuple(rows), tuple(equal), tuple(statuses))


def _lags(trial: Trial, x: str, y: str, table: pd.DataFrame, fit: Fit) -> list[LagRow]:
    rmsea = float(fit.measures.get("rmsea", math.nan))
    gaps = np.diff(trial.day, axis=1)
    days = [float(np.nanmean(gap)) if np.isfinite(gap).any() else math.nan for gap in gaps.T]
    rows = []
    for entry in table.to_dict("records"):
        record = {str(key): value for key, value in entry.items()}
        label = str(record["label"] or "")
        if record["kind"] == "defined" and record["effect"] in ("x1", "x2", "dir"):
            rows.append(LagRow(x, y, str(record["effect"]), float(np.mean(days)), rmsea, record))
        elif record["kind"] == "path" and label.startswith(("x1_", "x2_")):
            v = trial.visits.index(label[3:])
            rows.append(LagRow(x, y, label, days[v - 1], rmsea, record))
    return rows
