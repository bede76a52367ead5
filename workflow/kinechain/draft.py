"""Draft of a cohort's yaml from a file nobody has described yet: candidates by name and range, doubts left open.

What the file cannot say is marked `undecided`, and `kinechain check` refuses the cohort until a person has settled it.
Nothing is guessed in silence, and no value of a person is written into the draft.
"""

from __future__ import annotations

import re
import shutil
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from kinechain.errors import Problem, UserError
from kinechain.harmonise import read_numbers
from kinechain.heads import (
    FREE_TEXT,
    MADE_BY_PROGRAM,
    ROLE_WORDS,
    SAID_UNIT,
    VISIT_WORD,
    NameIndex,
    index_names,
    item_of,
    likeness,
    names_ids,
    said_unit,
    visits_of,
    without_accents,
    words_of,
)
from kinechain.io import write_text
from kinechain.measures import Dictionary, LinearMap, Measure
from kinechain.numerics import Array
from kinechain.preflight import read_dictionary
from kinechain.pseudonyms import names_a_person
from kinechain.raw_table import RawTable
from kinechain.readers import READERS
from kinechain.scoring import KINDS

FORMATS = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".xlsx": "excel",
    ".xlsm": "excel",
    ".xls": "excel",
    ".ods": "excel",
    ".sav": "sav",
    ".dta": "dta",
    ".parquet": "parquet",
}
UNITS = (
    "mm",
    "cm",
    "m",
    "inch",
    "kg",
    "lb",
    "kPa",
    "kg/cm2",
    "lbf/in2",
    "N/cm2",
    "deg",
    "rad",
    "hour/day",
    "min/day",
    "percent",
)
"""Units files are written in; those that fit a measure's dimension are tried on a column's range."""

HALF_A_NAME = 0.5
"""Share of a measure's name that must stand in a column's head for it to be proposed, with a question."""

MOST_FIT = 0.95
"""Share of the values that must lie in a measure's hard range for a unit or convention to be called possible."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """What a column may be.

    column     as the file heads it
    measure    canonical measure it may hold
    keys       unit, convention, side: what can be said about it
    undecided  questions only a person can answer
    """

    column: str
    measure: str
    keys: Mapping[str, str]
    undecided: tuple[str, ...]


def draft_study(folder: Path, data: Path) -> Path:
    """Take a data file into a study: a copy under data/, a draft under config/cohorts/, the cohort named in the config.

    Returns the draft. Raises UserError when the file cannot be read.
    """
    if not data.is_file():
        raise UserError(Problem(str(data), "the file does not exist", "Name your data file after `--data`"))
    plain = unicodedata.normalize("NFKD", data.stem).encode("ascii", "ignore").decode()
    name = re.sub(r"\W+", "_", plain).strip("_").lower() or "cohort"
    name = name if name[0].isalpha() else f"cohort_{name}"
    copy = folder / "data" / data.name
    copy.parent.mkdir(parents=True, exist_ok=True)
    if copy.resolve() != data.resolve():
        shutil.copyfile(data, copy)
    dictionary = read_dictionary(folder / "config")
    draft = folder / "config" / "cohorts" / f"{name}.yaml"
    write_text(draft_cohort(copy, f"data/{data.name}", dictionary), draft)
    config = folder / "config" / "config.yaml"
    if config.exists():
        text = config.read_text(encoding="utf-8")
        write_text(re.sub(r"(?m)^cohorts:.*(\n[ \t-].*)*", f"cohorts: [{name}]", text, count=1), config)
    return draft


def draft_cohort(path: Path, shown: str, dictionary: Dictionary) -> str:
    """The text of a draft yaml for a data file. Raises UserError when the file cannot be read."""
    form, raw, read = _look(path, shown, dictionary)
    names = [str(name) for name in raw.frame.columns]
    who = next((name for name in names if names_ids(name)), "")
    rest = [name for name in names if name != who]
    index = index_names(dictionary)
    visits = visits_of(rest)
    numbered = _numbered_items(rest, visits, dictionary)
    found = [
        item
        for name in rest
        if not MADE_BY_PROGRAM.fullmatch(name)
        and (item := numbered.get(name) or candidate(name, raw, index, dictionary, visits.get(name, ""))) is not None
    ]
    recognised = {item.column for item in found}
    unused = [name for name in rest if name not in recognised]
    return _text(path, shown, form, read, who, found, unused, _questions(raw, found, unused, dictionary), dictionary)


def _numbers(name: str, raw: RawTable, dictionary: Dictionary) -> Array:
    """The numbers of a column, (n,) or fewer."""
    marks = {key: raw.settings.get(key, plain) for key, plain in (("decimal", "."), ("thousands", ""))}
    values = read_numbers(raw.frame[name], missing_words=dictionary.missing_words, **marks).values  # type: ignore[arg-type]  # two texts
    return values[np.isfinite(values)]


def _questions(raw: RawTable, found: Sequence[Candidate], unused: Sequence[str], dictionary: Dictionary) -> list[str]:
    """What the file as a whole leaves open: who, when and where its rows are, and numbers that may mean missing."""
    questions = []
    for role, heads in ROLE_WORDS.items():
        for name in unused:
            if re.fullmatch(heads, name.strip().lower().replace(" ", "_")) and name not in raw.row_keys:
                questions.append(f"# {role}: {_quoted(name)} # by its name; take the first # away if so")
                break
    event = next((name for name in raw.row_keys if name in raw.frame.columns), "")
    if event:
        events = [_one_line(str(word)) for word in raw.frame[event].dropna().unique()[:12]]
        questions.append(
            f"# rows are told apart by {', '.join(raw.row_keys)}; {_one_line(event)} holds {', '.join(events)}."
        )
        questions.append(f"# Say `visit: {_one_line(event)}`, or choose rows with `read: {{events: [...]}}`;")
        questions.append("# a repeated instrument is a `trial:`.")
    codes = set()
    for item in found:
        hard = dictionary[item.measure].hard
        if hard:
            values = _numbers(item.column, raw, dictionary)
            codes |= {
                code for code in dictionary.suspect_codes if (values == code).any() and not hard[0] <= code <= hard[1]
            }
    if codes:
        named = ", ".join(f"{code:g}" for code in sorted(codes))
        questions.append(f"# {named} stand where no such value can be: if they mean missing, list them here")
    return questions


def _look(path: Path, shown: str, dictionary: Dictionary) -> tuple[str, RawTable, dict[str, Any]]:
    """Format of a file, all its columns, and how it was read."""
    form = FORMATS.get(path.suffix.lower(), "")
    if not form:
        known = ", ".join(sorted(FORMATS))
        raise UserError(Problem(shown, "the format cannot be told from the name", f"Known endings are {known}"))
    read: dict[str, Any] = {}
    if form == "excel":
        from kinechain.readers.workbook import likely_layout

        read = dict(likely_layout(path, shown))
    module, function = READERS[form]
    reader = getattr(import_module(module), function)
    raw: RawTable = reader(path, shown, None, {**read, "text": ()}, dictionary)
    if form == "csv":
        read.update(_below_header(raw))
        raw = reader(path, shown, None, {**read, "text": ()}, dictionary) if "units_row" in read else raw
        raw = replace(raw, settings={**raw.settings, **_thousands(raw)})
    if form == "csv" and {"redcap_event_name", "Event Name"} & set(raw.header):
        from kinechain.readers.redcap import ROW_KEYS

        form = "redcap"
        keys = [name for pair in ROW_KEYS for name in pair if name in raw.frame.columns]
        raw = replace(raw, row_keys=tuple(keys))
    plain = {"separator": ",", "decimal": ".", "encoding": "utf-8"}
    return form, raw, read | {key: value for key, value in raw.settings.items() if value != plain.get(key)}


def _below_header(raw: RawTable) -> dict[str, int]:
    """That the first row of a csv holds units, in the words of `read:`; empty where it holds a person."""
    from kinechain.readers.workbook import is_units_row

    first = raw.frame.head(2).astype(object)
    rows = first.where(first.notna(), None).to_numpy().tolist()
    return {"units_row": 2} if len(rows) == 2 and is_units_row(*rows) else {}


def _thousands(raw: RawTable) -> dict[str, str]:
    """The mark between thousands, where a column is all numbers only when there is one."""
    decimal = raw.settings.get("decimal", ".")
    mark = "." if decimal == "," else ","
    number = rf"[+-]?\d{{1,3}}(\{mark}\d{{3}})*(\{decimal}\d+)?|[+-]?\d+(\{decimal}\d+)?"
    for _, column in raw.frame.items():
        text = column.dropna()
        if not len(text) or not all(isinstance(value, str) for value in text.head(50)):
            continue
        plain = text.astype(str).str.strip()
        if plain.str.fullmatch(number).all() and plain.str.contains(rf"\d\{mark}\d{{3}}").any():
            return {"thousands": mark}
    return {}


def candidate(name: str, raw: RawTable, names: NameIndex, dictionary: Dictionary, visit: str = "") -> Candidate | None:
    """What a column may be, by its name (or label) and the range of its numbers; None when nothing comes to mind.

    visit  the word of its name that may say a visit, "" where none does
    """
    texts = [words_of(SAID_UNIT.sub(" ", text)) for text in (name, raw.labels.get(name, "")) if text]
    sides = [word for words in texts for word in words if word in dictionary.sides and len(words) > 1]
    found = (item_of([word for word in words if word != visit], dictionary) for words in texts)
    for owner, asked in (item for item in found if item is not None):
        return _with_visit(
            name, owner, {"item": asked}, [f"is it the item {asked} of {owner.label}? Confirm it"], visit
        )
    heads = [[word for word in words if word not in dictionary.sides] for words in texts]
    heads += [[word for word in words if not VISIT_WORD.fullmatch(word)] for words in heads]
    scores: dict[str, float] = {}
    for words in (without_accents(words) for words in heads):
        for measure, alias in names.sharing(words):
            scores[measure.name] = max(scores.get(measure.name, 0.0), likeness(words, alias))
    score = max(scores.values(), default=0.0)
    if score < HALF_A_NAME:
        return None
    seen = _numbers(name, raw, dictionary)
    alike = [dictionary[known] for known in scores if scores[known] == score]
    likely = [measure for measure in alike if _fits_somehow(seen, measure, dictionary)] or alike
    best = likely[0]
    keys, undecided = _settle(best, seen, said_unit(name, raw.units.get(name, "")), dictionary)
    labels = raw.value_labels.get(name, {})
    if labels and best.levels and undecided:
        said = ", ".join(f"{_plain(code)} {_one_line(str(label))}" for code, label in list(labels.items())[:6])
        undecided = [f"the labels in the file say {said}; labels are often swapped: confirm them or write codes"]
    if sides and best.two_sided:
        keys["side"] = dictionary.sides[sides[-1]]
    if len(likely) > 1:
        undecided.insert(0, f"is it {' or '.join(measure.label for measure in likely)}? The name says either")
    elif score < 1.0:
        undecided.insert(0, f"is it {best.label}? Only part of the name says so")
    return _with_visit(name, best, keys, undecided, visit)


def _with_visit(
    name: str, measure: Measure, keys: Mapping[str, str], undecided: Sequence[str], visit: str
) -> Candidate:
    if not visit:
        return Candidate(name, measure.name, keys, tuple(undecided))
    asked = (*undecided, f"is {visit} a visit, as other columns differ by it alone? Confirm it")
    return Candidate(name, measure.name, {**keys, "visit": visit}, asked)


def _plain(code: object) -> str:
    return f"{code:g}" if isinstance(code, float) else str(code)


def _numbered_items(columns: Sequence[str], visits: Mapping[str, str], dictionary: Dictionary) -> dict[str, Candidate]:
    """Columns numbered 1 to k under a measure's name, where its questionnaire has k items: those, in order.

    visits  column -> the word of its head that may say a visit
    """
    stems: dict[tuple[str, str], dict[int, str]] = {}
    for name in columns:
        if split := re.fullmatch(r"(.*?)[\W_]*0*([1-9][0-9]?)", name):
            stems.setdefault((split[1], visits.get(name, "")), {})[int(split[2])] = name
    found: dict[str, Candidate] = {}
    for (stem, visit), by_number in stems.items():
        words = [word for word in words_of(stem) if word != visit]
        for measure in dictionary.measures.values():
            known = {word for name in (*measure.names, measure.name) for word in words_of(name)}
            if (
                measure.items
                and words
                and set(words) <= known
                and sorted(by_number) == [*range(1, len(measure.items) + 1)]
            ):
                for number, item in enumerate(measure.items, start=1):
                    asked = [f"is number {number} the item {item} of {measure.label}? Confirm it"]
                    head = by_number[number]
                    found[head] = _with_visit(head, measure, {"item": item}, asked, visit)
                break
    return found


def _settle(measure: Measure, seen: Array, said: str, dictionary: Dictionary) -> tuple[dict[str, str], list[str]]:
    """Unit and convention as far as file and range can tell, and what stays open.

    said  the unit the file itself gives, "" for none
    """
    keys: dict[str, str] = {}
    undecided: list[str] = []
    if measure.levels:
        if "codes" in measure.declare and len(seen):
            levels = " and ".join(measure.levels)
            undecided.append(f"which number is {levels}? Write it under codes")
        return keys, undecided
    if not len(seen):
        return keys, ["it holds no number: is it the right column?"]
    units = [unit for unit in UNITS if _fits(seen, _map(unit, measure, dictionary), measure)]
    conventions = [name for name, item in measure.conventions.items() if _fits(seen, item, measure)]
    given = _map(said, measure, dictionary) if said else None
    if given is not None and (said != measure.unit or "unit" in measure.declare):
        keys["unit"] = said
    if measure.conventions:
        if len(conventions) == 1:
            keys["convention"] = conventions[0]
            undecided.append("the convention is the only one that fits the range: confirm it")
        else:
            possible = " or ".join(conventions or measure.conventions)
            undecided.append(f"which convention: {possible}? The range does not tell")
    elif given is not None:
        if not _fits(seen, given, measure):
            undecided.append(f"the file says {said}, and its numbers do not look like it: which unit or missing codes?")
    elif "unit" in measure.declare or measure.unit not in units:
        others = [unit for unit in units if unit != measure.unit]
        if not _fits(seen, LinearMap(1.0), measure) and len(others) == 1:
            keys["unit"] = others[0]
            undecided.append("the unit is the only one that fits the range: confirm it")
        elif "unit" in measure.declare:
            possible = " or ".join(units)
            undecided.append(
                f"which unit? The file does not say; {possible} would fit its range"
                if units
                else f"which unit? Its numbers do not look like {measure.unit}"
            )
        elif not _fits(seen, LinearMap(1.0), measure):
            undecided.append(f"its numbers do not look like {measure.unit}: which unit, or which missing codes?")
    return keys, undecided


def _fits_somehow(seen: Array, measure: Measure, dictionary: Dictionary) -> bool:
    """Whether a column's numbers lie in a measure's range in any unit or convention."""
    maps = [*measure.conventions.values(), *(_map(unit, measure, dictionary) for unit in (*UNITS, measure.unit))]
    return not len(seen) or bool(measure.levels) or any(_fits(seen, one, measure) for one in maps)


def _map(unit: str, measure: Measure, dictionary: Dictionary) -> LinearMap | None:
    try:
        return dictionary.unit_map(unit, measure.unit)
    except ValueError:
        return None


def _fits(seen: Array, to_canonical: LinearMap | None, measure: Measure) -> bool:
    if to_canonical is None:
        return False
    low, high = measure.soft or measure.hard or (-np.inf, np.inf)
    values = to_canonical(seen)
    return bool(((values >= low) & (values <= high)).mean() >= MOST_FIT)


def _text(
    path: Path,
    shown: str,
    form: str,
    read: Mapping[str, Any],
    who: str,
    found: Sequence[Candidate],
    unused: Sequence[str],
    questions: Sequence[str],
    dictionary: Dictionary,
) -> str:
    from kinechain.readers.redcap import ROW_KEYS

    rows_apart = {name for pair in ROW_KEYS for name in pair}
    told = f"{{column: {_quoted(who)}, hash: keyed}} # it is headed as a name" if names_a_person(who) else _quoted(who)
    lines = [
        "# A draft made from the file's names and ranges. Settle every `undecided`, then delete it; `kinechain check`",
        "# says what is left. Columns not listed under `columns` never enter.",
        f"title: {_quoted(path.stem.replace('_', ' '))}",
        f"file: {_quoted(shown)}",
        f"format: {form}",
        "design: undecided # cross_sectional, longitudinal or trial",
        "sampling_frame: undecided # who could enter: general, or people with which complaint",
        "synthetic: undecided # true or false",
        f"id: {told}" if who else "# id: the column that names the person, if there is one",
    ]
    if read:
        lines += ["read: # found by looking", *(f"  {key}: {_quoted(value)}" for key, value in sorted(read.items()))]
    lines += [*questions, "missing_codes: [] # numbers or words that mean missing", "columns:"]
    for item in found:
        keys = "".join(f", {key}: {_quoted(value)}" for key, value in item.keys.items())
        doubts = ", ".join(_quoted(question) for question in item.undecided)
        lines.append(
            f"  {_quoted(item.column)}: {{measure: {item.measure}{keys}{f', undecided: [{doubts}]' if doubts else ''}}}"
        )
    if not found:
        lines[-1] = "columns: {} # no name was recognised; list each column with its measure"
    lines += ["# Not recognised:"] * bool(unused)
    for name in unused[:200]:
        private = names_a_person(name) or any(FREE_TEXT.fullmatch(word) for word in words_of(name))
        private = private and name not in rows_apart
        why = " (may name a person or hold free text: never map it)" if private else ""
        why = " (made by a program, not measured: never map it)" if MADE_BY_PROGRAM.fullmatch(name) else why
        lines.append(f"#   {_one_line(name)}{why}")
    if len(unused) > 200:
        lines.append(f"#   and {len(unused) - 200} more")
    stands: dict[str, str] = {}
    for item in found:
        construct = dictionary[item.measure].construct
        if construct:
            stands.setdefault(construct, item.measure)
    there = {item.measure for item in found}
    for measure in dictionary.measures.values():
        ways = (KINDS[str(way["kind"])].inputs(way, measure.name) for way in measure.derive)
        if measure.construct and any(inputs and there.issuperset(inputs) for inputs in ways):
            stands.setdefault(measure.construct, measure.name)
    lines += ["constructs: # which measure stands for which construct; the first candidate of each"] * bool(stands)
    lines += [f"  {name}: {stands[name]}" for name in dictionary.constructs if name in stands]
    return "\n".join(lines) + "\n"


def _quoted(value: object) -> str:
    """A value as one-line yaml; text from a file can neither end the line nor become a key or a tag."""
    if isinstance(value, int | float):
        return str(value)
    if value == "\t":
        return '"\\t"'
    text = _one_line(str(value))
    if re.fullmatch(r"[A-Za-z][\w./-]*", text) and text.lower() not in (
        "yes",
        "no",
        "true",
        "false",
        "null",
        "on",
        "off",
        "y",
        "n",
    ):
        return text
    return "'" + text.replace("'", "''") + "'"


def _one_line(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)
