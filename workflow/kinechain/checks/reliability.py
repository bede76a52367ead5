"""Errors in variables: each link if its measures were free of random error, on a grid of reliabilities."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.special import ndtri

from kinechain.checks.plan import CheckResult, Study
from kinechain.estimators import fit_model
from kinechain.fit import Status, row_gradients, row_values, std_errors_of
from kinechain.numerics.moments import Moments
from kinechain.spec import ModelSpec, spec_from_text

PREFIX = "true_"


def check_reliability(study: Study) -> CheckResult:
    """The main model with every segment a single-indicator latent variable whose error variance is held.

    Error variance is (1 - reliability) x sample variance. The grid shifts all reliabilities together by the declared
    step, and each alone. Refused are a reliability below the declared least, and a corrected correlation of 1 or more.

    Columns: effect, scenario, reliability_cause, reliability_outcome, estimate (standardised by the true scores), low,
    high, status, n.
    """
    columns = [
        "effect",
        "scenario",
        "reliability_cause",
        "reliability_outcome",
        "estimate",
        "low",
        "high",
        "status",
        "n",
    ]
    spec = study.models.get(study.plan.main_model)
    if spec is None:
        note = f"The model {study.plan.main_model} is not fitted to this cohort."
        return CheckResult("reliability", pd.DataFrame(columns=columns), (note,))
    segments = tuple(dict.fromkeys(name for outcome, cause in study.plan.edges for name in (cause, outcome)))
    declared = {name: study.reliability(name) for name in segments}
    unknown = [name for name, value in declared.items() if math.isnan(value)]
    notes = [f"No reliability is known for {name}; it is taken as free of error." for name in unknown]
    declared = {name: 1.0 if math.isnan(value) else value for name, value in declared.items()}
    step = study.decisions.value("sensitivity.reliability_step")
    scenarios: dict[str, Mapping[str, float]] = {
        "as measured": dict.fromkeys(segments, 1.0),
        "declared": declared,
        f"all {step:g} lower": {name: value - step for name, value in declared.items() if name not in unknown}
        | dict.fromkeys(unknown, 1.0),
        f"all {step:g} higher": {name: min(1.0, value + step) for name, value in declared.items()},
    }
    for name in segments:
        if name not in unknown:
            scenarios[f"{name} {step:g} lower"] = {**declared, name: declared[name] - step}
    moments = study.moments(spec.table.observed)
    rows: list[tuple[object, ...]] = []
    for scenario, reliability in scenarios.items():
        refusal = refuse(moments, reliability, study.decisions.value("sensitivity.minimum_reliability"))
        estimates = {} if refusal else true_score_paths(spec, moments, reliability, study.plan.edges)
        for outcome, cause in study.plan.edges:
            status, estimate, error = estimates.get((outcome, cause), (refusal or "not estimated", math.nan, math.nan))
            half = float(ndtri((1 + study.decisions.value("level")) / 2)) * error
            pair = (reliability[cause], reliability[outcome])
            effect = f"{outcome}~{cause}"
            rows.append((effect, scenario, *pair, estimate, estimate - half, estimate + half, status, moments.n))
    return CheckResult("reliability", pd.DataFrame(rows, columns=columns), tuple(notes))


def refuse(moments: Moments, reliability: Mapping[str, float], least: float) -> str:
    """Why a correction is refused, or "": a reliability too low, or a corrected correlation of 1 or more."""
    for name, value in reliability.items():
        if value < least:
            return f"refused: reliability of {name} is {value:.2f}, below {least:.2f}"
    names = [name for name in reliability if name in moments.names]
    for place, one in enumerate(names):
        for other in names[place + 1 :]:
            i, j = moments.names.index(one), moments.names.index(other)
            S = moments.covariance
            r = S[i, j] / math.sqrt(S[i, i] * S[j, j] * reliability[one] * reliability[other])
            if abs(r) >= 1:
                return f"refused: the corrected correlation of {one} and {other} reaches 1"
    return ""


def latent_model(spec: ModelSpec, moments: Moments, reliability: Mapping[str, float]) -> ModelSpec:
    """A path model with some of its variables replaced by single-indicator latents of known error variance.

    moments      of the cohort: a latent's error variance is (1 - reliability) x its measure's variance, divisor n
    reliability  variable -> share of its variance that is no error, from 0 to 1; at 1 and unnamed it stays as it is

    Paths and declared residual correlations are kept; a latent that is nobody's outcome is given the covariates'
    correlations by regressing it on them, so that everything is as free as before.
    """
    latents = {name for name, value in reliability.items() if value < 1}
    lines: list[str] = []
    for name in (name for name in moments.names if name in latents):
        variance = moments.covariance[moments.names.index(name), moments.names.index(name)]
        lines += [f"{PREFIX}{name} =~ 1*{name}", f"{name} ~~ {(1 - reliability[name]) * variance:.17g}*{name}"]
    outcomes = {row.lhs for row in spec.table.rows if row.op == "~"}

    def node(name: str) -> str:
        return f"{PREFIX}{name}" if name in latents else name

    for row in spec.table.rows:
        fixed = f"{row.fixed:.17g}*" if row.free == 0 and row.user else ""
        if row.op == "~":
            lines.append(f"{node(row.lhs)} ~ {fixed}{node(row.rhs)}")
        elif row.op == "~~" and row.lhs != row.rhs and not row.exo:
            lines.append(f"{node(row.lhs)} ~~ {fixed}{node(row.rhs)}")
    others = [name for name in spec.table.exogenous if name not in latents]
    starts = [name for name in moments.names if name in latents and name not in outcomes]
    lines += [f"{node(name)} ~ {' + '.join(others)}" for name in starts if others]
    return spec_from_text("\n".join(lines), f"{spec.name}_true_scores", spec.where)


def true_score_paths(
    spec: ModelSpec, moments: Moments, reliability: Mapping[str, float], edges: tuple[tuple[str, str], ...]
) -> dict[tuple[str, str], tuple[str, float, float]]:
    """Every edge (outcome, cause) of `latent_model`: status, estimate in SDs of the true scores, standard error."""
    fit = fit_model(latent_model(spec, moments, reliability), moments)
    if fit.status is not Status.CONVERGED:
        return {edge: (fit.status.name.lower(), math.nan, math.nan) for edge in edges}
    values, errors = row_values(fit), std_errors_of(row_gradients(fit), fit.covariance)
    sd = _true_sd(moments, reliability)
    found = {}
    for place, row in enumerate(fit.table.rows):
        outcome, cause = row.lhs.removeprefix(PREFIX), row.rhs.removeprefix(PREFIX)
        if row.op == "~" and (outcome, cause) in edges:
            scale = sd[cause] / sd[outcome]
            found[(outcome, cause)] = ("converged", float(values[place] * scale), float(errors[place] * scale))
    return found


def _true_sd(moments: Moments, reliability: Mapping[str, float]) -> dict[str, float]:
    variances = np.diag(moments.covariance)
    return {name: math.sqrt(variances[moments.names.index(name)] * value) for name, value in reliability.items()}
