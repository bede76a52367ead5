"""Effects in clinical units: what a declared contrast of an exposure goes with, beside what matters to patients."""

from __future__ import annotations

import math

import pandas as pd

from kinechain.checks.plan import CheckResult, Study


def check_clinical_units(study: Study) -> CheckResult:
    """Total effect, product of the chain and each link per declared contrast of the cause, in the outcome's unit.

    Raw estimates and limits of the effect table times the contrast; links whose cause is not in the contrast's unit are
    left out, and so is a share of the MCID where the outcome's measure has none.

    Columns: effect, model, exposure, outcome, contrast, estimate, low, high, unit, mcid, share_of_mcid, n.
    """
    name = "contrast.exposure"
    step, unit = study.decisions.value(name), study.decisions[name].unit
    table = study.effects
    rows: list[tuple[object, ...]] = []
    notes: list[str] = []
    for effect, model, cause, outcome in _asked(study):
        found = table[(table["model"] == model) & (table["effect"] == effect)] if len(table) else table
        if found.empty:
            notes.append(f"{effect} of {model} is not in the effect table.")
            continue
        if study.cohort.units.get(cause, "") != unit:
            notes.append(f"{effect}: {cause} is not measured in {unit}.")
            continue
        row = found.iloc[0]
        measure = study.cohort.constructs.get(outcome, outcome)
        key = f"mcid.{measure}"
        mcid = study.decisions.value(key) if key in study.decisions else math.nan
        estimate, low, high = (step * float(row[column]) for column in ("estimate", "low", "high"))
        text = f"{step:g} {unit} more of {cause}"
        share = abs(estimate) / mcid if mcid > 0 else math.nan
        rows.append(
            (
                effect,
                model,
                cause,
                outcome,
                text,
                estimate,
                low,
                high,
                study.cohort.units.get(outcome, ""),
                mcid,
                share,
                int(row["n"]),
            )
        )
    columns = [
        "effect",
        "model",
        "exposure",
        "outcome",
        "contrast",
        "estimate",
        "low",
        "high",
        "unit",
        "mcid",
        "share_of_mcid",
        "n",
    ]
    return CheckResult("clinical_units", pd.DataFrame(rows, columns=columns), tuple(notes))


def check_equivalence(study: Study) -> CheckResult:
    """Two one-sided tests of every standardised effect of the main model against the smallest effect of interest.

    Columns: model, effect, kind, estimate, low_90, high_90, bound, equivalent, n.
    """
    columns = ["model", "effect", "kind", "estimate", "low_90", "high_90", "bound", "equivalent", "n"]
    bound = study.decisions.value("sesoi.standardised_path")
    table = study.effects
    if table.empty or "standardised_low_90" not in table.columns:
        return CheckResult("equivalence", pd.DataFrame(columns=columns), ("No effect table was given.",))
    kinds = ("path", "defined", "total", "direct", "indirect", "total_indirect")
    chosen = table[table["kind"].isin(kinds) & (table["model"] == study.plan.main_model)]
    result = pd.DataFrame(
        {
            "model": chosen["model"],
            "effect": chosen["effect"],
            "kind": chosen["kind"],
            "estimate": chosen["standardised"],
            "low_90": chosen["standardised_low_90"],
            "high_90": chosen["standardised_high_90"],
            "bound": bound,
            "equivalent": (chosen["standardised_low_90"] > -bound) & (chosen["standardised_high_90"] < bound),
            "n": chosen["n"],
        }
    )
    return CheckResult("equivalence", result.reset_index(drop=True))


def _asked(study: Study) -> list[tuple[str, str, str, str]]:
    asked: list[tuple[str, str, str, str]] = []
    plan = study.plan
    if plan.total is not None:
        pair = (plan.total.exposure, plan.total.outcome)
        asked.append((f"total:{pair[0]}->{pair[1]}", plan.main_model, *pair))
    if plan.product and plan.edges:
        asked.append((plan.product, plan.main_model, plan.edges[0][1], plan.edges[-1][0]))
    asked += [(f"{outcome}~{cause}", plan.main_model, cause, outcome) for outcome, cause in plan.edges]
    return asked
