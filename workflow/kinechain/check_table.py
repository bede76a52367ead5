"""Tables of the checks as readers see them: named for people, without columns that say the same in every row."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from kinechain.display import effect_name, interval_cell, number_cell, text_cell
from kinechain.document import Cell, Number, Part, Prose, Quoted, Table, Words
from kinechain.entries import check_key, numeric_columns
from kinechain.ledger import Ledger
from kinechain.results import Results, plain_name
from kinechain.trial_words import trial_facts, word


@dataclass(frozen=True, slots=True)
class About:
    """A check for readers: its title, and what its table shows."""

    title: str
    caption: str


CHECKS = {
    "robustness": About(
        "Robustness values and benchmarks",
        "What a hidden cause would have to explain to undo each link, beside what measured covariates explain",
    ),
    "residual_correlation": About(
        "Error correlation that undoes a link",
        "Each link if the errors of cause and outcome were correlated, and where it vanishes",
    ),
    "adjustment": About(
        "Sets of covariates that would do",
        "For each effect the covariates declared, whether they close every back door, and the smallest sets that do",
    ),
    "independences": About(
        "Independences the chain implies", "Pairs that a model says are unrelated given others, and what the data say"
    ),
    "atlas": About(
        "Models that fit equally well",
        "The same links with arrows turned so that no data of these variables can tell the models apart",
    ),
    "reliability": About(
        "If measures were less reliable", "Each link if cause and outcome were free of random error, on a grid"
    ),
    "missing": About(
        "If missing values were handled otherwise",
        "Each link under multiple imputation if the values nobody saw lay delta SD from where the others predict them",
    ),
    "specifications": About(
        "Every admissible specification",
        "Each link under every admissible set of covariates, measure and treatment of gaps, ranked by size",
    ),
    "influence": About(
        "Without single people", "Each link as every person in turn is left out: its range, and no person"
    ),
    "negative_controls": About(
        "Pairs the chain cannot join", "An effect between these, adjusted as a link is, would speak of bias"
    ),
    "splines": About("A curve against a line", "Whether a curve fits better than the line, and its height along it"),
    "threshold": About(
        "A change of slope", "Slope below the point that was declared, and by how much it changes beyond the point"
    ),
    "moderation": About(
        "Paths that depend on a third variable",
        "Conditional effects at the moderator's mean and one SD around it, and where they exclude zero, as far as "
        "people reach",
    ),
    "natural_effects": About(
        "Natural effects with interaction", "The effect of the contrast by way of the mediator, past it and in all"
    ),
    "mediators": About(
        "Mediators jointly and one by one", "The total effect split by mediator, each by every way through it and alone"
    ),
    "clinical_units": About("In clinical units", "Effects of a contrast a clinician can picture"),
    "equivalence": About(
        "Equivalence to zero", "Whether the narrow interval of an effect lies inside the bound too small to matter"
    ),
}
"""Checks by name, in reading order."""

HEADS = {
    "p_value": "p",
    "p_adjusted": "p, adjusted",
    "std_error": "SE",
    "standardised_std_error": "SE, standardised",
    "lhs": "outcome",
    "rhs": "cause",
    "logl": "log-likelihood",
    "bic_with_instrument": "BIC with instrument",
    "mcid": "MCID",
    "share_of_mcid": "share of MCID",
}
PLAIN = ("n", "df", "p", "SE")
"""Heads that begin as they stand."""
PATH, ARROW = re.compile(r"(?<![~\w])(\w+)~(\w+)"), re.compile(r" *-> *")
"""A path written outcome~cause, and an arrow."""
LOW = re.compile(r"^(?P<of>.*_)?low(?P<level>_\d+)?$")


def check_table(results: Results, ledger: Ledger, name: str, *, csv: str) -> Table:
    """One check as it left its step: numbers from the ledger, effects and variables by their names for people.

    Where one question was answered by several methods, the first of them is shown: the declared one. What every row
    says alike stands once, in the caption; both ends of an interval stand in one cell.
    """
    table = results.checks[name]
    if "method" in table and table["method"].notna().any():
        table = table[table["method"] == table["method"].dropna().iloc[0]]
    columns = [str(column) for column in table.columns if table[column].notna().any()]
    alike = [column for column in columns if len(table) > 1 and table[column].nunique(dropna=False) == 1]
    shown = [column for column in columns if column not in alike]
    ends = {low: high for low, high in _intervals(columns) if low in shown or high in shown}
    alike = [column for column in alike if column not in ends and column not in ends.values()]
    kept = [column for column in columns if column in ends or (column in shown and column not in ends.values())]
    numbers = numeric_columns(table)
    names = names_of(results)

    def cell(place: int, row: Mapping[Any, Any], column: str) -> Cell:
        if column in ends:
            return interval_cell(ledger, check_key(name, place, column), check_key(name, place, ends[column]))
        if column in numbers:
            return number_cell(ledger, check_key(name, place, column))
        if column == "effect":
            return text_cell(effect_name(results, str(row[column])))
        return text_cell(in_words(row[column], names))

    rows = tuple(
        tuple(cell(int(place), row, column) for column in kept)
        for place, row in zip(table.index, table.to_dict("records"), strict=True)
    )
    heads = tuple(_interval_head(column) if column in ends else _head(column) for column in kept)
    numeric = tuple(column in ends or column in numbers for column in kept)
    same = _alike(ledger, name, table, alike, names)
    caption = (Words(f"{CHECKS[name].caption}."), *same)
    return Table(f"check_{name}", caption, heads, numeric, rows, csv)


def _alike(ledger: Ledger, name: str, table: pd.DataFrame, columns: list[str], names: Mapping[str, str]) -> Prose:
    """What every row of a check says alike, in one sentence; nothing when there is no such thing."""
    out: list[Part] = []
    for column in columns:
        value, key = table[column].iloc[0], check_key(name, int(table.index[0]), column)
        told: Part = Number(key, ledger[key].text) if key in ledger else Quoted(in_words(value, names))
        out += [
            Words("; " if out else " Alike in every row: "),
            Quoted(f"{HEADS.get(column, column).replace('_', ' ')} "),
        ]
        out.append(told)
    return (*out, Words(".")) if out else ()


def _intervals(columns: list[str]) -> Iterator[tuple[str, str]]:
    """Pairs of columns that are the ends of one interval."""
    for column in columns:
        high = f"{found['of'] or ''}high{found['level'] or ''}" if (found := LOW.match(column)) else ""
        if high in columns:
            yield column, high


def _interval_head(low: str) -> str:
    found = LOW.match(low)
    assert found is not None
    of, level = (found["of"] or "").replace("_", " "), (found["level"] or "").removeprefix("_")
    told = f"{of}{f'{level} % ' if level else ''}interval"
    return told[:1].upper() + told[1:]


def _head(column: str) -> str:
    told = HEADS.get(column, column).replace("_", " ")
    return told if told.partition(",")[0] in PLAIN else told[:1].upper() + told[1:]


def names_of(results: Results) -> dict[str, str]:
    """Names for people of every construct and measure, and of the arms of a trial."""
    arms = {f"arm_{arm}": f"arm {word(results, arm)}" for arm in trial_facts(results).get("arms", ())}
    return {**results.measures} | arms | {name: it.short for name, it in results.constructs.items()}


def _plain(word: str) -> str:
    """What a check calls a quantity, as words; a name of a model stays as its file is called."""
    return plain_name(word) if word.islower() else word


def in_words(value: Any, names: Mapping[str, str]) -> str:
    """A text of a check with constructs and measures by their names for people; yes and no for true and false."""
    if isinstance(value, bool) or str(value) in ("True", "False"):
        return "yes" if str(value) == "True" else "no"
    if value is None or value != value:  # noqa: PLR0124 -- not-a-number
        return ""
    told = PATH.sub(r"\2->\1", str(value))
    told = re.sub(r"\w+", lambda found: names.get(found[0]) or _plain(found[0]), told)
    return ARROW.sub(" → ", told).replace("{", "").replace("}", "")
