"""What reports call the arms, visits and contrasts of a trial, and the facts its analysis left beside its tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kinechain.results import Results, plain_name

MODEL = "M10_trial"


def trial_facts(results: Results) -> Mapping[str, Any]:
    """The facts beside the tables of a trial; empty for other cohorts."""
    found: Mapping[str, Any] = results.fits.get(MODEL, {}).get("facts") or {}
    return found


def days_of_visits(results: Results) -> dict[str, float]:
    """Mean day of each visit, in order of time; empty for cohorts of one visit or without days."""
    people = results.cohort.people
    if people is None:
        return {}
    columns = {visit: f"visit_day_{visit}" for visit in results.cohort.visits}
    return {
        visit: float(people[column].mean())
        for visit, column in columns.items()
        if column in people and people[column].notna().any()
    }


def word(results: Results, name: str) -> str:
    """An arm or a visit in the words of config/trial.yaml; its own name where that says nothing."""
    return str(trial_facts(results).get("labels", {}).get(name) or plain_name(name))


def arms_in_words(results: Results, arms: str) -> str:
    """Arms joined by `+` as words."""
    names = [word(results, arm) for arm in arms.split("+")]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]} together"


def contrast_name(results: Results, contrast: str, arms: str, against: str) -> str:
    """A contrast in the words of config/trial.yaml; else the first arms against the second."""
    given = trial_facts(results).get("labels", {}).get(contrast)
    if given:
        return str(given)
    return f"{arms_in_words(results, arms)} against {arms_in_words(results, against)}"


def effect_words(results: Results, effect: str) -> str:
    """An effect of the analysis of a trial in words of config: a contrast, a way, a relapse; "" for any other."""
    table = results.effects
    if MODEL not in results.fits or not {"lhs", "rhs"} <= set(table.columns):
        return ""
    found = table[(table["model"] == MODEL) & (table["effect"] == effect)]
    if found.empty:
        return ""
    row = found.iloc[0]
    kind, outcome, of = (str(row[column]) for column in ("kind", "lhs", "rhs"))
    if kind == "contrast" and effect.startswith(f"{of}_{outcome}_"):
        when = when_name(results, effect.removeprefix(f"{of}_{outcome}_"))
        return f"{_comparison(results, of)}, {results.short(outcome)} at {when}".replace(" at change", ", change")
    if kind in WAYS:
        return f"{word(results, of)} on {results.short(outcome)}, {WAYS[kind]}"
    if kind == "share":
        return f"relapses in the arm {word(results, effect.removeprefix('relapse_share_'))}"
    if kind == "moderation":
        return f"loss by what was left: {results.short(effect.removeprefix('loss_by_'))}"
    return ""


WAYS = {
    "total": "all ways",
    "mediated": "by way of the mediators",
    "direct": "not by way of them",
    "chain": "along the whole chain",
}
"""Kinds of ways from an arm to an outcome, inside a sentence."""


def _comparison(results: Results, name: str) -> str:
    table = results.checks.get("contrasts")
    rows = None if table is None or table.empty else table[table["contrast"] == name]
    if rows is None or rows.empty:
        return word(results, name)
    return contrast_name(results, name, str(rows["arms"].iloc[0]), str(rows["against"].iloc[0]))


def when_name(results: Results, when: str) -> str:
    """A visit, or the change after treatment, as words."""
    return "change after treatment" if when == "maintenance" else word(results, when)


def capital(text: str) -> str:
    """The text with a capital first letter."""
    return text[:1].upper() + text[1:]
