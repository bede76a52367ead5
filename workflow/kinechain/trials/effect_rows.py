"""The effect rows that claims are judged on, from the results of a trial's analyses."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from kinechain.numerics.longitudinal import Contrast, contrast
from kinechain.trials.contrasts import MAINTENANCE, ArmModel, ContrastRow, comparison_weights
from kinechain.trials.factorial import FactorialRow
from kinechain.trials.lagged import LagRow
from kinechain.trials.mediation import Mediated
from kinechain.trials.plan import Comparison, TrialPlan
from kinechain.trials.relapse import RelapseRow
from kinechain.trials.responders import ResponderRow
from kinechain.trials.trial import Trial

MODEL = "M10_trial"
LEVEL = 0.95
LIMITS = ("estimate", "std_error", "low", "high", "low_90", "high_90", "p_value")


def effect_name(comparison: Comparison, outcome: str, when: str) -> str:
    """Name of a contrast in the effect table."""
    return f"{comparison.name}_{outcome}_{when}"


def _effect(name: str, kind: str, result: Mapping[str, float], *, sd: float = math.nan, **more: Any) -> dict[str, Any]:
    """One row of the effect table; `standardised` divides by the SD at the first visit, taken as known."""
    standard = {
        "standardised" if key == "estimate" else f"standardised_{key}": value / sd if sd > 0 else math.nan
        for key, value in result.items()
        if key != "p_value"
    }
    return {
        "model": MODEL,
        "effect": name,
        "kind": kind,
        **result,
        "level": LEVEL,
        "interval": "t",
        "mc_error_low": math.nan,
        "mc_error_high": math.nan,
        "draws": 0,
        "failed_draws": 0,
        "unit": "",
        "estimator": "reml",
        **standard,
        "label": "",
        "lhs": "",
        "rhs": "",
        "path": "",
        **more,
    }


def numbers_of(source: Any) -> dict[str, float]:
    """Estimate, standard error, limits and p-value of anything that has them; NaN for what it has not."""
    return {name: float(getattr(source, name, math.nan)) for name in LIMITS}


def contrast_effects(contrasts: Iterable[ContrastRow]) -> Iterator[dict[str, Any]]:
    """Contrasts of the constrained model."""
    for row in contrasts:
        if row.method == "constrained":
            yield _effect(
                effect_name(row.comparison, row.outcome, row.when),
                "contrast",
                numbers_of(row.result),
                sd=row.baseline_sd,
                n=row.n,
                unit=row.unit,
                lhs=row.outcome,
                rhs=row.comparison.name,
            )


def response_effects(responders: Iterable[ResponderRow]) -> Iterator[dict[str, Any]]:
    """Risk differences of responders, unseen visits imputed."""
    for row in responders:
        if row.method == "imputed":
            yield _effect(
                f"responder_{effect_name(row.comparison, row.outcome, row.when)}",
                "risk_difference",
                numbers_of(row.difference),
                n=round(row.n_arm + row.n_against),
                unit="share",
                interval="score",
                estimator="imputed",
            )


def relapse_effects(
    trial: Trial, plan: TrialPlan, relapse: Iterable[RelapseRow], models: Mapping[str, ArmModel]
) -> Iterator[dict[str, Any]]:
    """Relapse shares, mean changes, moderation, and the contrast of losses."""
    if plan.relapse is None or plan.relapse.outcome not in models:
        return
    outcome = plan.relapse.outcome
    sd = float(np.nanstd(trial.values[outcome][:, 0], ddof=1))
    for row in relapse:
        if row.quantity == "relapse_share":
            yield _effect(
                f"relapse_share_{row.arm}",
                "share",
                numbers_of(row),
                n=round(row.n),
                unit="share",
                interval="score",
                estimator="imputed",
            )
        elif row.quantity.startswith("change_") and not row.quantity.endswith("_days"):
            name = f"{row.quantity}_{row.arm}_{outcome}"
            yield _effect(name, "change", numbers_of(row), sd=sd, n=round(row.n), unit=row.unit)
        elif row.quantity.startswith("loss_by_"):
            yield _effect(
                row.quantity, "moderation", numbers_of(row), sd=sd, n=round(row.n), unit=row.unit, estimator="ols"
            )
    if plan.relapse.against in trial.arms and plan.relapse.arm in trial.arms:
        model = models[outcome]
        comparison = Comparison(plan.relapse.name, (plan.relapse.arm,), (plan.relapse.against,))
        weights = comparison_weights(trial, model, comparison, MAINTENANCE, plan)
        result: Contrast = contrast(weights, model.fit.beta, model.fit.covariance, model.df)
        unit, n = trial.units.get(outcome, ""), int(model.used.sum())
        yield _effect(plan.relapse.name, "contrast", numbers_of(result), sd=sd, n=n, unit=unit)


def way_effects(ways: Mediated | None, trial: Trial) -> Iterator[dict[str, Any]]:
    """Ways from arm to outcome, and their edges."""
    if ways is None:
        return
    for row in ways.ways:
        if row.way == "path":
            name = f"path:{row.path}"
        elif row.way == "edge":
            name = f"edge:{row.path}"
        else:
            name = f"{row.way}_{row.contrast.removesuffix('_' + trial.arms[0])}_{row.outcome}"
        sd = float(np.nanstd(trial.values[row.outcome][:, 0], ddof=1)) if row.way != "edge" else math.nan
        yield _effect(
            name,
            row.way,
            numbers_of(row),
            sd=sd,
            n=ways.fit.n,
            unit=row.unit,
            interval="monte_carlo",
            estimator="fiml",
            lhs=row.outcome,
            rhs=row.arm,
            path=row.path,
        )


def factorial_effects(factorial: Iterable[FactorialRow], trial: Trial) -> Iterator[dict[str, Any]]:
    """Main effects and interaction."""
    for row in factorial:
        sd = float(np.nanstd(trial.values[row.outcome][:, 0], ddof=1))
        yield _effect(
            f"factorial_{row.effect}_{row.outcome}_{row.when}",
            "factorial",
            numbers_of(row.result),
            sd=sd,
            n=row.n,
            unit=row.unit,
            lhs=row.outcome,
        )


def lag_effects(lags: Iterable[LagRow]) -> Iterator[dict[str, Any]]:
    """Lags of every pair, x1 x2 dir of the pair that ends in the outcome, and the weakest lag down the chain."""
    for name, row in named_lags(lags):
        path = {"path": ""} if name.startswith("lag_") else {}
        yield {**row.row, "model": MODEL, "effect": name, **path}


def named_lags(lags: Iterable[LagRow]) -> Iterator[tuple[str, LagRow]]:
    """Each lag with its name in the effect table."""
    rows = list(lags)
    pooled = [row for row in rows if row.effect in ("x1", "x2", "dir")]
    for row in rows:
        yield f"lag_{row.effect}:{row.x},{row.y}", row
    if not pooled:
        return
    last = pooled[-1]
    for row in pooled:
        if (row.x, row.y) == (last.x, last.y):
            yield row.effect, row
    down = [row for row in pooled if row.effect == "x1"]
    yield "reverse_lag", min(down, key=lambda row: row.row["standardised_low"])


def fits_behind(ways: Mediated | None, trial: Trial, lags: Iterable[LagRow]) -> dict[str, float]:
    """RMSEA of the model behind each effect that comes from a model of its own: ways and lags."""
    found = {name: row.rmsea for name, row in named_lags(lags)}
    if ways is not None:
        rmsea = float(ways.fit.measures.get("rmsea", math.nan))
        found |= {str(row["effect"]): rmsea for row in way_effects(ways, trial)}
    return found
