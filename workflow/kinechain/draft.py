"""Draft of a cohort's yaml from a file nobody has described yet: candidates by name and range, doubts left open.

What the file cannot say is marked `undecided`, and `kinechain check` refuses the cohort until a person has settled it.
Nothing is guessed in silence, and no value of a person is written into the draft.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kinechain.errors import Problem, UserError
from kinechain.harmonise import read_numbers
from kinechain.io import write_text
from kinechain.measures import Dictionary, LinearMap, Measure
from kinechain.numerics import Array
from kinechain.preflight import read_dictionary
from kinechain.pseudonyms import names_a_person
from kinechain.raw_table import RawTable
from kinechain.readers import READERS

if TYPE_CHECKING:
    import pandas as pd

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

ID_NAME = re.compile("(subject|record|patient|pat|participant|person|case|study)?(id|no|nr|number|code)?|id.*")
"""What is left of the head of a column of ids when only its letters stay."""

FREE_TEXT = frozenset({"comment", "comments", "note", "notes", "remark", "remarks", "diary", "free", "text"})
VISIT_WORD = re.compile("t[0-9]|v[0-9]|visit[0-9]*|bl|baseline|pre|post|fu[0-9]?|followup|m[0-9]{1,2}|w[0-9]{1,2}")
"""Words of a column's head that may say a visit."""

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
    name = re.sub(r"\W+", "_", data.stem).strip("_").lower() or "cohort"
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
    who = next((name for name in names if _names_ids(name)), "")
    rest = [name for name in names if name != who]
    index = index_names(dictionary)
    numbered = _numbered_items(rest, dictionary)
    found = [
        item
        for name in rest
        if (item := numbered.get(name) or candidate(name, raw.frame[name], raw, index, dictionary)) is not None
    ]
    recognised = {item.column for item in found}
    unused = [name for name in rest if name not in recognised]
    return _text(path, shown, form, read, who, found, unused, _questions(raw, found, dictionary), dictionary)


def _names_ids(name: str) -> bool:
    letters = re.sub(r"[\W_]+", "", name.lower())
    return bool(letters) and ID_NAME.fullmatch(letters) is not None


def _questions(raw: RawTable, found: Sequence[Candidate], dictionary: Dictionary) -> list[str]:
    """What the file as a whole leaves open: rows of one person, and numbers that may mean missing."""
    questions = []
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
            values = read_numbers(raw.frame[item.column], missing_words=dictionary.missing_words).values
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

        read = likely_layout(path, shown)
    module, function = READERS[form]
    raw: RawTable = getattr(import_module(module), function)(path, shown, None, {**read, "text": ()}, dictionary)
    if form == "csv" and {"redcap_event_name", "Event Name"} & set(raw.header):
        from kinechain.readers.redcap import ROW_KEYS

        form = "redcap"
        keys = [name for pair in ROW_KEYS for name in pair if name in raw.frame.columns]
        raw = replace(raw, row_keys=tuple(keys))
    plain = {"separator": ",", "decimal": ".", "encoding": "utf-8"}
    return form, raw, read | {key: value for key, value in raw.settings.items() if value != plain.get(key)}


def candidate(
    name: str, series: pd.Series, raw: RawTable, names: NameIndex, dictionary: Dictionary
) -> Candidate | None:
    """What a column may be, by its name (or label) and the range of its numbers; None when nothing comes to mind."""
    words = _words(f"{name} {raw.labels.get(name, '')}")
    side = next((dictionary.sides[word] for word in reversed(words) if word in dictionary.sides and len(words) > 1), "")
    visits = [word for word in words if VISIT_WORD.fullmatch(word) and len(words) > 1]
    plain = [word for word in words if word not in dictionary.sides and word not in visits]
    texts = (name, raw.labels.get(name, ""))
    found = (_item([word for word in _words(text) if word not in visits], dictionary) for text in texts)
    for owner, asked in (item for item in found if item is not None):
        return Candidate(name, owner.name, {"item": asked}, (f"is it the item {asked} of {owner.label}? Confirm it",))
    best, score = None, 0.0
    for measure, alias in names.sharing(plain):
        likeness = _likeness(plain, alias)
        if likeness > score:
            best, score = measure, likeness
    if best is None or score < HALF_A_NAME:
        return None
    values = read_numbers(series, missing_words=dictionary.missing_words).values
    seen = values[np.isfinite(values)]
    keys, undecided = _settle(best, seen, dictionary)
    if side and best.two_sided:
        keys["side"] = side
    if score < 1.0:
        undecided.insert(0, f"is it {best.label}? Only part of the name says so")
    if visits:
        undecided.append(f"does {visits[0]} say a visit? Then add visit, else nothing")
    return Candidate(name, best.name, keys, tuple(undecided))


@dataclass(frozen=True, slots=True)
class NameIndex:
    """Names of measures by their words: a file may have thousands of columns to look up.

    names    measure and the words of one of its names, in the dictionary's order
    by_word  word -> places among the names that hold it
    """

    names: tuple[tuple[Measure, tuple[str, ...]], ...]
    by_word: Mapping[str, tuple[int, ...]]

    def sharing(self, words: Sequence[str]) -> list[tuple[Measure, tuple[str, ...]]]:
        """Names that share a word with these."""
        return [self.names[at] for at in sorted({at for word in words for at in self.by_word.get(word, ())})]


def index_names(dictionary: Dictionary) -> NameIndex:
    """Every name of every measure, ready to be looked up by its words."""
    names = tuple(
        (measure, tuple(_words(name)))
        for measure in dictionary.measures.values()
        for name in (*measure.names, measure.name)
    )
    by_word: dict[str, tuple[int, ...]] = {}
    for at, (_, alias) in enumerate(names):
        for word in set(alias):
            by_word[word] = (*by_word.get(word, ()), at)
    return NameIndex(names, by_word)


def _item(words: Sequence[str], dictionary: Dictionary) -> tuple[Measure, str] | None:
    """The item of a questionnaire that a column's head names, word for word."""
    for measure in dictionary.measures.values():
        for item in measure.items:
            if list(words) == _words(item):
                return measure, item
    return None


def _numbered_items(columns: Sequence[str], dictionary: Dictionary) -> dict[str, Candidate]:
    """Columns numbered 1 to k under a measure's name, where its questionnaire has k items: those, in order."""
    stems: dict[str, dict[int, str]] = {}
    for name in columns:
        if split := re.fullmatch(r"(.*?)[\W_]*0*([1-9][0-9]?)", name):
            stems.setdefault(split[1], {})[int(split[2])] = name
    found: dict[str, Candidate] = {}
    for stem, by_number in stems.items():
        words = _words(stem)
        for measure in dictionary.measures.values():
            known = {word for name in (*measure.names, measure.name) for word in _words(name)}
            if (
                measure.items
                and words
                and set(words) <= known
                and sorted(by_number) == [*range(1, len(measure.items) + 1)]
            ):
                for number, item in enumerate(measure.items, start=1):
                    asked = (f"is number {number} the item {item} of {measure.label}? Confirm it",)
                    found[by_number[number]] = Candidate(by_number[number], measure.name, {"item": item}, asked)
                break
    return found


def _words(text: str) -> list[str]:
    spaced = re.sub(r"([a-z])([A-Z])", r"\1 \2", text)
    return [word for word in re.split(r"[\W_]+", spaced.lower()) if word]


def _likeness(words: Sequence[str], alias: Sequence[str]) -> float:
    """Share of the alias's words that stand in the name, less a little for words too many; 1 when they are the same."""
    if not alias or not words:
        return 0.0
    common = len(set(words) & set(alias))
    return common / len(set(alias)) - 0.02 * len(set(words) - set(alias)) if common else 0.0


def _settle(measure: Measure, seen: Array, dictionary: Dictionary) -> tuple[dict[str, str], list[str]]:
    """Unit and convention as far as the range can tell, and what stays open."""
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
    if measure.conventions:
        if len(conventions) == 1:
            keys["convention"] = conventions[0]
            undecided.append("the convention is the only one that fits the range: confirm it")
        else:
            possible = " or ".join(conventions or measure.conventions)
            undecided.append(f"which convention: {possible}? The range does not tell")
    elif "unit" in measure.declare or measure.unit not in units:
        others = [unit for unit in units if unit != measure.unit]
        if not _fits(seen, LinearMap(1.0), measure) and len(others) == 1:
            keys["unit"] = others[0]
            undecided.append("the unit is the only one that fits the range: confirm it")
        elif "unit" in measure.declare:
            undecided.append(f"which unit: {' or '.join(units) or measure.unit}? The file does not say")
        elif not _fits(seen, LinearMap(1.0), measure):
            undecided.append(f"its numbers do not look like {measure.unit}: which unit, or which missing codes?")
    return keys, undecided


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
        private = names_a_person(name) or not FREE_TEXT.isdisjoint(_words(name))
        private = private and name not in rows_apart
        lines.append(
            f"#   {_one_line(name)}" + (" (may name a person or hold free text: never map it)" if private else "")
        )
    if len(unused) > 200:
        lines.append(f"#   and {len(unused) - 200} more")
    stands: dict[str, str] = {}
    for item in found:
        construct = dictionary[item.measure].construct
        if construct:
            stands.setdefault(construct, item.measure)
    lines += ["constructs: # which measure stands for which construct; the first candidate of each"] * bool(stands)
    lines += [f"  {name}: {stands[name]}" for name in dictionary.constructs if name in stands]
    return "\n".join(lines) + "\n"


def _quoted(value: object) -> str:
    """A value as one-line yaml; text from a file can neither end the line nor become a key or a tag."""
    if isinstance(value, int | float):
        return str(value)
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
