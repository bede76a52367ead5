"""From a file's columns to canonical values: missing codes, words, units, conventions and ranges, each doubt counted.

Functions of columns. What is outside its hard range, or no number where one belongs, becomes missing here and an error
among the findings: the study stops, so nothing is repaired in silence.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kinechain.cohort import Finding
from kinechain.cohort_spec import Column
from kinechain.measures import Dictionary, Measure, word_of
from kinechain.numerics import Array
from kinechain.scoring import answered_items


@dataclass(frozen=True, slots=True)
class Reading:
    """One column as numbers, before units.

    values      (n,)  as the file has them; missing is NaN
    coded       how many values a declared missing code took away
    unreadable  how many values are no number and no known word
    uncoded     how many numbers stand where a word's number must be declared
    marked      how many numbers carry the unit of their column (45°)
    resembles   what some of the unreadable values look like, in words; "" when nothing comes to mind
    """

    values: Array
    coded: int = 0
    unreadable: int = 0
    uncoded: int = 0
    marked: int = 0
    resembles: str = ""


def read_numbers(
    series: pd.Series,
    *,
    missing_words: frozenset[str] = frozenset({""}),
    missing_codes: tuple[str | float, ...] = (),
    words: Mapping[str, float] | None = None,
    codes: Mapping[str, float] | None = None,
    numbers_allowed: bool = True,
    decimal: str = ".",
    thousands: str = "",
    unit: str = "",
) -> Reading:
    """A column of a file as numbers.

    series           numbers, text, or both
    missing_words    text that always means missing, lower case
    missing_codes    values that mean missing in this column: numbers, or text in lower case
    words            text -> number, lower case; used after `codes`
    codes            value in the file -> number, declared for this column
    numbers_allowed  False when a bare number says nothing until `codes` explains it
    decimal, thousands  marks inside numbers that arrive as text
    unit             of the column; a number of text may carry it, and no other
    """
    declared = codes or {}
    number_codes = [code for code in missing_codes if isinstance(code, float)]
    if pd.api.types.is_numeric_dtype(series) and not pd.api.types.is_complex_dtype(series):
        values = series.to_numpy(dtype=float, na_value=np.nan, copy=True)
        values[~np.isfinite(values)] = np.nan
        coded = np.isin(values, number_codes) if number_codes else np.zeros(len(values), dtype=bool)
        values[coded] = np.nan
        return _apply_codes(values, int(coded.sum()), declared, numbers_allowed)
    if pd.api.types.is_datetime64_any_dtype(series):
        return Reading(np.full(len(series), np.nan), unreadable=int(series.notna().sum()), resembles=_DATES)
    positions, uniques = pd.factorize(series)
    text = pd.Series([word_of(value) for value in uniques], dtype=object)
    own = "|".join(re.escape(word) for word in (unit.lower(), *SIGNS_OF.get(unit, ())) if word)
    bare = text.str.replace(rf"(?<=\d)\s*(?:{own})$", "", regex=True) if own else text
    numbers = _text_numbers(bare, decimal, thousands)
    is_marked = (bare != text).to_numpy(dtype=bool) & np.isfinite(numbers)
    for at, value in enumerate(uniques):
        if isinstance(value, int | float) and not isinstance(value, bool):
            numbers[at] = value if np.isfinite(value) else np.nan  # a cell with a number has no marks to be read
    text_codes = {code for code in missing_codes if isinstance(code, str)} | {f"{code:g}" for code in number_codes}
    is_coded = text.isin(text_codes).to_numpy() | np.isin(numbers, number_codes)
    is_missing = text.isin(missing_words).to_numpy() & ~is_coded
    known = {**(words or {}), **declared}
    is_word = text.isin(list(known)).to_numpy() & ~is_coded
    is_number = np.isfinite(numbers) & ~is_word
    mapped = np.array([known.get(word, np.nan) for word in text]) if known else numbers
    value_of = np.where(is_word, mapped, numbers if numbers_allowed else np.nan)
    value_of = np.where(is_coded | is_missing, np.nan, value_of)
    counts = np.bincount(positions[positions >= 0], minlength=len(uniques))
    values = np.full(len(series), np.nan)
    there = positions >= 0
    values[there] = value_of[positions[there]]
    unreadable = ~(is_coded | is_missing | is_word | is_number)
    uncoded = is_number & ~is_coded & ~is_missing & (not numbers_allowed)
    return Reading(
        values,
        int(counts[is_coded].sum()),
        int(counts[unreadable].sum()),
        int(counts[uncoded].sum()),
        int(counts[is_marked & ~is_word & ~is_coded].sum()),
        _resemblance(uniques[unreadable], text[unreadable], known) if unreadable.any() else "",
    )


SIGNS_OF = {"deg": ("°", "º", "degrees"), "percent": ("%",)}
"""How people write a unit beside a number, where not by its name."""

_DATES = "they are dates; a spreadsheet program may have made them of numbers"
_LIKE_A_WORD = 0.75
"""Likeness of two words, by difflib, from which one may be the other mistyped."""

_MOST_WORDS = 200
"""Categories are few; of a column with more words than these the first are compared."""


def _resemblance(values: Iterable[object], text: pd.Series, known: Mapping[str, float]) -> str:
    """What values that are no numbers look like, without a value of anybody in it."""
    if all(hasattr(value, "isoformat") for value in values):
        return _DATES
    if text.str.fullmatch(r"[+-]?\d+([.,]\d+)+").any():
        return "some are numbers with another mark inside; say which under `read`: `decimal`, `thousands`"
    if text.str.fullmatch(r"[^\w+-]*\s*[+-]?\d+([.,]\d+)?\s*[^\d\s]{0,4}").any():
        return "some are numbers with a unit or a mark beside them"
    meant = {near for word in text[:_MOST_WORDS] for near in get_close_matches(word, known, n=1, cutoff=_LIKE_A_WORD)}
    named = " and ".join(f"`{word}`" for word in sorted(meant)[:3])
    return f"some look like {named} mistyped" if meant else ""


def _apply_codes(values: Array, coded: int, codes: Mapping[str, float], numbers_allowed: bool) -> Reading:
    result = values if numbers_allowed else np.full(len(values), np.nan)
    explained = np.isnan(values)
    for word, number in codes.items():
        try:
            hit = values == float(word)
        except ValueError:
            continue
        result = np.where(hit, number, result)
        explained |= hit
    return Reading(result, coded, uncoded=0 if numbers_allowed else int((~explained).sum()))


def _text_numbers(text: pd.Series, decimal: str, thousands: str) -> Array:
    """Numbers of lower-case text; NaN where it is none. Words such as "inf" and "1e5_0" are no numbers here.

    Thousands are marked every three digits or not at all, so that 6.5 never becomes 65.
    """
    point, mark = re.escape(decimal), re.escape(thousands)
    whole = rf"(\d{{1,3}}({mark}\d{{3}})+|\d+)" if thousands else r"\d+"
    plain = text.str.replace("\N{MINUS SIGN}", "-", regex=False)
    looks = plain.str.fullmatch(rf"[+-]?({whole}{point}?|{whole}{point}\d+|{point}\d+)(e[+-]?\d{{1,3}})?")
    if thousands:
        plain = plain.str.replace(thousands, "", regex=False)
    if decimal != ".":
        plain = plain.str.replace(decimal, ".", regex=False)
    plain = plain.where(looks.to_numpy(dtype=bool))
    numbers = pd.to_numeric(plain, errors="coerce").to_numpy(dtype=float, na_value=np.nan, copy=True)
    numbers[~np.isfinite(numbers)] = np.nan
    return numbers


def canonical_values(
    series: pd.Series, column: Column, dictionary: Dictionary, *, decimal: str = ".", thousands: str = ""
) -> tuple[Array, tuple[Finding, ...]]:
    """One column in canonical unit and convention, (n,), and every doubt about it."""
    measure = dictionary[column.measure] if column.measure else None
    has_levels = measure is not None and bool(measure.levels) and not column.item
    words = {word: measure.levels[level] for word, level in measure.words.items()} if measure and has_levels else {}
    reading = read_numbers(
        series,
        missing_words=dictionary.missing_words,
        missing_codes=column.missing_codes,
        words=words,
        codes=column.codes,
        numbers_allowed=not (measure and has_levels and ("codes" in measure.declare or column.codes)),
        decimal=decimal,
        thousands=thousands,
        unit=column.unit if measure and not has_levels and not column.item else "",
    )
    findings = list(_reading_findings(reading, column, dictionary))
    if measure is None:
        return reading.values, tuple(findings)
    if column.item:
        return reading.values, (*findings, *_item_findings(reading.values, column, measure, dictionary))
    values = column.to_canonical(reading.values)
    if has_levels:
        unknown = np.isfinite(values) & ~np.isin(values, list(measure.levels.values()))
        if unknown.any():
            levels = ", ".join(f"{number:g} {word}" for word, number in measure.levels.items())
            what = f"values of column `{column.name}` are none of its levels ({levels})"
            findings.append(
                Finding(
                    "error", measure.name, what, int(unknown.sum()), "Say what they mean under `codes`", column.name
                )
            )
        return np.where(unknown, np.nan, values), tuple(findings)
    values, outside = _within_hard_range(reading.values, values, column, measure, dictionary)
    return values, (*findings, *outside, *_soft_findings(values, column, measure))


def _reading_findings(reading: Reading, column: Column, dictionary: Dictionary) -> Iterator[Finding]:
    about = column.measure or column.landmark
    if reading.coded:
        what = f"values of column `{column.name}` are a declared missing code"
        yield Finding("note", about, what, reading.coded, "", column.name)
        hard = dictionary[column.measure].hard if column.measure and not column.item else None
        numbers = [code for code in column.missing_codes if isinstance(code, float)]
        if hard and numbers:
            legal = [code for code in numbers if hard[0] <= float(column.to_canonical(np.array([code]))[0]) <= hard[1]]
            if legal:
                named = " and ".join(f"{code:g}" for code in legal)
                what = f"values of column `{column.name}` are the missing code {named}, which is also a legal value"
                remedy = "If it is a value here, give the column its own `missing_codes` without it"
                yield Finding("warning", about, what, reading.coded, remedy, column.name)
    if reading.marked:
        what = f"values of column `{column.name}` carry their unit, {column.unit}, and are read as numbers"
        yield Finding("note", about, what, reading.marked, "", column.name)
    if reading.unreadable:
        what = f"values of column `{column.name}` are neither number nor known word"
        remedy = "List a missing code under `missing_codes`, explain a word under `codes`, or mend the file"
        if reading.resembles:
            remedy = f"{reading.resembles[0].upper()}{reading.resembles[1:]}. {remedy}"
        yield Finding("error", about, what, reading.unreadable, remedy, column.name)
    if reading.uncoded:
        levels = dictionary[column.measure].levels
        what = f"values of column `{column.name}` are bare numbers, which files use differently"
        example = ", ".join(f"{number:g}: {word}" for word, number in levels.items())
        yield Finding(
            "error",
            about,
            what,
            reading.uncoded,
            f"Say what they mean, for example `codes: {{{example}}}`",
            column.name,
        )


def _item_findings(values: Array, column: Column, measure: Measure, dictionary: Dictionary) -> Iterator[Finding]:
    for way in measure.derive:
        if way["kind"] != "sum_score" or column.item not in way["items"]:
            continue
        low, high = way["item_range"]
        not_applicable = np.isin(values, way.get("not_applicable", {}).get(column.item, ()))
        outside = np.isfinite(
            answered_items({**way, "item_range": [-np.inf, np.inf]}, {column.item: values})[column.item]
        )
        outside &= (values < low) | (values > high) | (values % 1 != 0)
        if not_applicable.any():
            what = f"answers to item `{column.item}` say that it does not apply: counted as not answered"
            yield Finding("note", measure.name, what, int(not_applicable.sum()), "", column.name)
        if outside.any():
            what = f"values of item `{column.item}` are outside {low:g} to {high:g}"
            remedy = _suspected_codes(values[outside], dictionary)
            remedy = remedy or "List a missing code under `missing_codes`, or mend the file"
            yield Finding("error", measure.name, what, int(outside.sum()), remedy, column.name)
        return


def _within_hard_range(
    raw: Array, values: Array, column: Column, measure: Measure, dictionary: Dictionary
) -> tuple[Array, tuple[Finding, ...]]:
    if measure.hard is None:
        return values, ()
    low, high = measure.hard
    with np.errstate(invalid="ignore"):
        outside = (values < low) | (values > high)
    count = int(outside.sum())
    if not count:
        return values, ()
    what = f"values of column `{column.name}` lie outside {low:g} to {high:g} {measure.unit}"
    remedy = _suspected_codes(raw[outside], dictionary)
    if not remedy:
        remedy = f"Check unit and convention of the column ({_hint(values[outside], column, measure)}) or mend the file"
    finding = Finding("error", measure.name, what, count, remedy, column.name)
    return np.where(outside, np.nan, values), (finding,)


def _suspected_codes(outside: Array, dictionary: Dictionary) -> str:
    """What to write when all values outside a range are numbers that files use for missing; "" when some are not."""
    suspects = sorted({code for code in dictionary.suspect_codes if (outside == code).any()})
    if not suspects or not np.isin(outside, suspects).all():
        return ""
    named = ", ".join(f"{code:g}" for code in suspects)
    return f"All of them are {named}: if that means missing, add `missing_codes: [{named}]`"


def _hint(outside: Array, column: Column, measure: Measure) -> str:
    """What else the values outside could be, in words."""
    assert measure.hard is not None
    low, high = measure.hard
    fits = [
        name
        for name, convention in measure.conventions.items()
        if name != column.convention and _mostly_inside(convention(_back(outside, column, measure)), low, high)
    ]
    if fits:
        return f"they would fit the convention `{fits[0]}`"
    slipped = _inside(outside * 10, low, high) | _inside(outside / 10, low, high)
    for fits_then, words in (
        (slipped, "ten times off"),
        (_inside(outside / 100, low, high), "a hundred times too large"),
    ):
        if fits_then.mean() > 0.9:
            return f"they look {words}: a slipped decimal point or another unit"
    if _mostly_inside(-outside, low, high):
        return "they would fit with the opposite sign"
    return f"it is read as {column.unit}" + (f", {column.convention}" if column.convention else "")


def _back(values: Array, column: Column, measure: Measure) -> Array:
    """Values before the convention, still in the canonical unit."""
    convention = measure.conventions.get(column.convention)
    return values if convention is None else (values - convention.offset) / convention.factor


def _mostly_inside(values: Array, low: float, high: float) -> bool:
    return bool(_inside(values, low, high).mean() > 0.9)


def _inside(values: Array, low: float, high: float) -> NDArray[np.bool_]:
    return np.logical_and(values >= low, values <= high)


def _soft_findings(values: Array, column: Column, measure: Measure) -> Iterator[Finding]:
    if measure.soft is not None:
        with np.errstate(invalid="ignore"):
            count = int(((values < measure.soft[0]) | (values > measure.soft[1])).sum())
        if count:
            low, high = measure.soft
            what = f"values of column `{column.name}` lie outside the usual {low:g} to {high:g} {measure.unit}"
            yield Finding("warning", measure.name, what, count, "Look at them in the file; they stay in", column.name)
    if measure.integer:
        broken = int((np.isfinite(values) & (np.abs(values - np.round(values)) > 1e-9)).sum())
        if broken:
            what = f"values of column `{column.name}` are not whole numbers"
            yield Finding(
                "warning", measure.name, what, broken, f"`{measure.name}` counts in whole numbers", column.name
            )
