"""Straight or bent: a change of slope at a declared point, and a curve against a line."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from scipy.special import fdtrc, ndtr, ndtri

from kinechain.checks.plan import EXPLORATORY, CheckResult, Question, Study
from kinechain.numerics import Array
from kinechain.numerics.ranks import normal_scores
from kinechain.numerics.regression import fit_rows

THRESHOLD_MODEL = "threshold"
KNOT_QUANTILES = (0.10, 0.50, 0.90)
SMALLEST_P = 0.001
"""A p-value below it is told as smaller than it."""
"""Knots of a restricted cubic spline with three knots, Harrell (2015), Regression Modeling Strategies, table 2.3."""


def check_threshold(study: Study) -> CheckResult:
    """A linear spline with one knot at the declared point, as rows of an effect table.

    `extra_slope` is the change of slope beyond the point, `slope_below` the slope below it; in the outcome's unit per
    unit of the exposure and standardised (SD of the outcome per SD of the exposure). `extra_slope_ranked` is the same
    change for the normal scores of the outcome's ranks: a scale whose ends are crowded bends a straight relation, and
    such a bend shrinks or goes when people are only put in order, while a change of slope stays. Standard errors are
    robust to unequal spread (HC3), intervals normal. The exposure is never cut into groups.

    Interactions that another scale of the outcome takes away: Wagenmakers et al. (2012), doi 10.3758/s13421-011-0158-0.

    Columns: those of the effect table.
    """
    question = study.plan.threshold
    empty = pd.DataFrame(columns=["model", "effect"])
    if question is None:
        return CheckResult(THRESHOLD_MODEL, empty, ("No point was declared.",))
    if not study.has(question.needs) or study.cohort.people is None:
        return CheckResult(THRESHOLD_MODEL, empty, (f"{question.text}: rows of exposure and outcome are needed.",))
    covariates = study.covariates(question.adjust, question.outcome, question.exposure)
    data = study.rows((question.outcome, question.exposure, *covariates))
    knot = study.orientation(question.exposure) * study.decisions.value(question.at)
    y, x = data[:, 0], data[:, 1]
    beyond = int(np.sum(x > knot))
    fewest = int(study.decisions.value("gate.smallest_shown_count"))
    if min(beyond, len(x) - beyond) < fewest:
        note = f"Fewer than {fewest} people lie on one side of the declared point; no change of slope can be seen."
        return CheckResult(THRESHOLD_MODEL, empty, (note,))
    X = np.column_stack([np.ones(len(y)), x, np.maximum(x - knot, 0), data[:, 2:]])
    units = study.cohort.units
    per = units.get(question.exposure, "")
    scales = {"": (y, f"{units.get(question.outcome, '')} per {per}"), "_ranked": (normal_scores(y), f"SD per {per}")}
    rows = []
    for suffix, (outcome, unit) in scales.items():
        beta, V = fit_rows(outcome, X, robust=True)
        scale = x.std() / outcome.std()
        rows += [
            _effect_row(study, name, float(beta[place]), math.sqrt(V[place, place]), scale, len(y), unit, question)
            for name, place in ((f"slope_below{suffix}", 1), (f"extra_slope{suffix}", 2))
        ]
    note = (
        f"The point was declared in config ({question.at}); whether before the data were seen, see Registration. "
        "Robust (HC3) standard errors. Effects named `_ranked` are of the normal scores of the outcome's ranks, which "
        "the ends of its scale bend less."
    )
    return CheckResult(THRESHOLD_MODEL, pd.DataFrame(rows), (note,))


def check_splines(study: Study) -> CheckResult:
    """A restricted cubic spline with three knots against a straight line, with the curve on a grid.

    Columns: question, exposure (in problem space), estimate, low, high (outcome relative to the median exposure, in its
    unit), p_nonlinear (F test of the bend), n. The grid stops at the 5th and 95th percentile: no person is shown.
    """
    rows = []
    notes = [EXPLORATORY] if study.plan.splines else []
    for question in study.plan.splines:
        if not study.has(question.needs) or study.cohort.people is None:
            notes.append(f"{question.text}: rows of exposure and outcome are needed.")
            continue
        covariates = study.covariates(question.adjust, question.outcome, question.exposure)
        data = study.rows((question.outcome, question.exposure, *covariates))
        y, x = data[:, 0], data[:, 1]
        knots = np.quantile(x, KNOT_QUANTILES)
        bend = restricted_cubic(x, knots)
        X = np.column_stack([np.ones(len(y)), x, bend, data[:, 2:]])
        beta, V = fit_rows(y, X)
        F = float(beta[2] ** 2 / V[2, 2])
        p = float(fdtrc(1, len(y) - X.shape[1], F))
        seen = "a bend shows" if p < study.decisions.value("alpha") else "no bend can be told from a straight line"
        notes.append(f"{question.text}: {seen} (p {'< 0.001' if p < SMALLEST_P else f'= {p:.3f}'}).")
        grid = np.linspace(float(np.quantile(x, 0.05)), float(np.quantile(x, 0.95)), 41)
        middle = np.median(x)
        basis = np.column_stack(
            [grid - middle, restricted_cubic(grid, knots) - restricted_cubic(np.array([middle]), knots)]
        )
        curve = basis @ beta[1:3]
        half = ndtri((1 + study.decisions.value("level")) / 2) * np.sqrt(
            np.einsum("ij,jk,ik->i", basis, V[1:3, 1:3], basis)
        )
        rows += [
            (question.text, at, value, value - wide, value + wide, p, len(y))
            for at, value, wide in zip(grid, curve, half, strict=True)
        ]
    columns = ["question", "exposure", "estimate", "low", "high", "p_nonlinear", "n"]
    return CheckResult("splines", pd.DataFrame(rows, columns=columns), tuple(notes))


def restricted_cubic(x: Array, knots: Array) -> Array:
    """The one bend of a restricted cubic spline with three knots: linear beyond the outer knots.

    Harrell (2015), Regression Modeling Strategies, equation 2.25, divided by the squared distance of the outer knots.
    Reference: R `Hmisc::rcspline.eval(x, knots = k, norm = 2)`.
    """
    first, middle, last = knots

    def cube(at: float) -> Array:
        return np.asarray(np.maximum(x - at, 0) ** 3, dtype=np.float64)

    bend = (
        cube(first) - cube(middle) * (last - first) / (last - middle) + cube(last) * (middle - first) / (last - middle)
    )
    return np.asarray(bend / (last - first) ** 2, dtype=np.float64)


def _effect_row(
    study: Study, name: str, estimate: float, error: float, scale: float, n: int, unit: str, question: Question
) -> dict[str, object]:
    levels = {"": study.decisions.value("level"), "_90": study.decisions.value("equivalence_level")}
    row: dict[str, object] = {
        "model": THRESHOLD_MODEL,
        "effect": name,
        "kind": "defined",
        "lhs": question.outcome,
        "rhs": question.exposure,
        "estimate": estimate,
        "std_error": error,
        "level": levels[""],
        "interval": "normal",
        "p_value": float(2 * ndtr(-abs(estimate / error))),
        "n": n,
        "unit": unit,
        "standardised": estimate * scale,
        "standardised_std_error": error * scale,
        "estimator": "least squares, HC3",
    }
    for suffix, level in levels.items():
        half = float(ndtri((1 + level) / 2)) * error
        for prefix, factor in (("", 1.0), ("standardised_", scale)):
            row[f"{prefix}low{suffix}"] = (estimate - half) * factor
            row[f"{prefix}high{suffix}"] = (estimate + half) * factor
    return row
