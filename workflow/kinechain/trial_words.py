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


def when_name(results: Results, when: str) -> str:
    """A visit, or the change after treatment, as words."""
    return "change after treatment" if when == "maintenance" else word(results, when)


def capital(text: str) -> str:
    """The text with a capital first letter."""
    return text[:1].upper() + text[1:]
