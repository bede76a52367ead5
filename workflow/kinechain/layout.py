"""Layout: which rows of a file belong to one person and one visit, and which side, repeat or rater each row holds."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kinechain.cohort import Finding
from kinechain.cohort_spec import CohortSpec, hash_remedy
from kinechain.harmonise import read_numbers
from kinechain.measures import Dictionary, word_of
from kinechain.numerics import Array
from kinechain.pseudonyms import looks_dated, looks_private, pseudonyms

Index = NDArray[np.int64]
Words = NDArray[np.object_]
SUMMARY_WORD = re.compile(
    "mean|average|median|sd|std|sem?|min(imum)?|max(imum)?|range|sum|totals?|count|n|mittelwert|summe|gesamt|medel(värde)?"
    "|summa|moyenne|somme|media|promedio"
)
"""Words at the foot of a table, which no person is called."""

SAMPLE_OF_IDS = 2000
"""So many ids, the first, tell whether they are codes or names; as many, the last, whether a summary stands below."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How the rows of a file fall into units: one unit is a person at a visit.

    unit     (n,)  row -> unit; -1 where the row belongs to nobody
    person   (m,)  unit -> person, numbered from 0 in the order of the file
    visits   names of visits in order of time; empty when there is one
    visit    (m,)  unit -> position among `visits`; empty when there is one visit
    per_column_visits  True when columns say the visit: then a column without one feeds every visit of its person
    facets   side, trial, rater -> (n,) word of each row; absent where no column says it
    roles    arm, cluster, site, visit_day -> (m,) value of each unit
    """

    unit: Index
    person: Index
    visits: tuple[str, ...] = ()
    visit: Index = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    per_column_visits: bool = False
    facets: Mapping[str, Words] = field(default_factory=dict)
    roles: Mapping[str, Words | Array] = field(default_factory=dict)

    @property
    def n_units(self) -> int:
        return len(self.person)

    @property
    def n_people(self) -> int:
        return int(np.count_nonzero(np.bincount(self.person)))

    @property
    def person_of_rows(self) -> Index:
        """(n,)  row -> person; -1 where the row belongs to nobody."""
        person = np.full(len(self.unit), -1, dtype=np.int64)
        used = self.unit >= 0
        person[used] = self.person[self.unit[used]]
        return person

    def keep(self, units: NDArray[np.bool_]) -> Layout:
        """The layout of some of the units; people keep their numbers."""
        new = np.where(units, np.cumsum(units) - 1, -1)
        return Layout(
            np.where(self.unit >= 0, new[self.unit], -1),
            self.person[units],
            self.visits,
            self.visit[units] if len(self.visit) else self.visit,
            self.per_column_visits,
            self.facets,
            {role: values[units] for role, values in self.roles.items()},
        )


def lay_out(
    spec: CohortSpec,
    frame: pd.DataFrame,
    dictionary: Dictionary,
    blank: NDArray[np.bool_],
    row_keys: tuple[str, ...] = (),
    key: bytes = b"",
) -> tuple[Layout, tuple[Finding, ...]]:
    """The layout of a file's rows, and every doubt about who and when they are.

    frame  rows of the file that are eligible
    blank  (n,)  rows that hold no value at all: they belong to nobody
    key    with which hashed columns are hashed
    row_keys  columns with which the format itself tells rows of one person apart
    """
    findings: list[Finding] = []
    n = len(frame)
    person = _people(spec, frame, blank, findings)
    facets = {
        role: _words(frame[spec.structure[role]], dictionary)
        for role in ("side", "trial", "rater")
        if role in spec.structure
    }
    if "side" in facets:
        facets["side"] = _sides(facets["side"], spec.structure["side"], blank, dictionary, findings)
    wide = tuple(dict.fromkeys(column.visit for column in spec.columns if column.visit))
    if wide and "visit" not in spec.structure:
        named = [visit for visit in dict.fromkeys(spec.visits.values()) if visit in wide]
        visits = (*named, *(visit for visit in wide if visit not in named))
        row_visit = np.zeros(n, dtype=np.int64)
    elif "visit" in spec.structure:
        visits, row_visit = _visits(spec, _words(frame[spec.structure["visit"]], dictionary), blank, findings)
    elif "visit_date" in spec.structure:
        visits, row_visit = _visits_by_date(spec, frame, person, findings)
    else:
        visits, row_visit = (), np.zeros(n, dtype=np.int64)
    usable = (person >= 0) & (row_visit >= 0)
    person = np.where(usable, person, -1)
    apart = facets | {name: frame[name].astype(str).to_numpy(dtype=object) for name in row_keys}
    if "site" in spec.structure and not spec.id_scope:
        apart |= {"site": _words(frame[spec.structure["site"]], dictionary)}
    _check_repeats(person, row_visit, apart, spec, findings)
    n_people = int(person.max(initial=-1)) + 1
    if wide and "visit" not in spec.structure:
        width = len(visits)
        layout = Layout(
            np.where(person >= 0, person * width, -1),
            np.repeat(np.arange(n_people), width),
            visits,
            np.tile(np.arange(width), n_people),
            True,
            facets,
        )
    else:
        unit, units = _numbered(person * max(1, len(visits)) + row_visit, person >= 0)
        width = max(1, len(visits))
        layout = Layout(
            unit, units // width, visits, units % width if visits else np.zeros(0, dtype=np.int64), False, facets
        )
    roles = _roles(spec, frame, layout, dictionary, key, findings)
    return (
        Layout(layout.unit, layout.person, layout.visits, layout.visit, layout.per_column_visits, layout.facets, roles),
        tuple(findings),
    )


def _numbered(key: Index, used: NDArray[np.bool_]) -> tuple[Index, Index]:
    """Rows with equal keys get one number, ordered by key; -1 where not used. Also the key of each number."""
    values, inverse = np.unique(key[used], return_inverse=True)
    unit = np.full(len(key), -1, dtype=np.int64)
    unit[used] = inverse
    return unit, values.astype(np.int64)


def _words(series: pd.Series, dictionary: Dictionary) -> Words:
    """Text of each row, stripped; "" where missing. Case is kept, whole numbers lose their ".0"."""
    positions, uniques = pd.factorize(series)
    words = [_plain(value) for value in uniques]
    words = ["" if word.lower() in dictionary.missing_words else word for word in words]
    return np.array([*words, ""], dtype=object)[positions]


def _plain(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def _people(spec: CohortSpec, frame: pd.DataFrame, blank: NDArray[np.bool_], findings: list[Finding]) -> Index:
    """Row -> person, numbered in order of first appearance; -1 for blank rows and rows without id."""
    n = len(frame)
    if "id" not in spec.structure:
        person = np.full(n, -1, dtype=np.int64)
        person[~blank] = np.arange(int((~blank).sum()))
        findings.append(
            Finding(
                "note",
                "",
                "the file has no id: each row is taken for a person of its own",
                0,
                "Add `id:` if it has one",
            )
        )
        return person
    column = spec.structure["id"]
    ids = _ids(frame[column])
    nameless = (ids == "") & ~blank
    if nameless.any():
        count = int(nameless.sum())
        findings.append(
            Finding("error", "", f"rows hold values but no id in column `{column}`", count, "Fill in the ids", column)
        )
    used = ~blank & ~nameless
    _check_ids(ids[used], spec, findings)
    if "site" in spec.structure:
        sites = frame[spec.structure["site"]].astype(str).str.strip().to_numpy(dtype=object)
        shared = int((pd.DataFrame({"id": ids[used], "site": sites[used]}).groupby("id")["site"].nunique() > 1).sum())
        if shared and not spec.id_scope:
            what = f"ids of column `{column}` occur at more than one site"
            remedy = (
                "Add `id_scope: study` if they are the same people, `id_scope: site` if each site counts for itself"
            )
            findings.append(Finding("error", "", what, shared, remedy, column))
        elif shared and spec.id_scope == "study":
            what = "people were seen at more than one site: their values are averaged"
            findings.append(Finding("note", "", what, shared, "", column))
        if spec.id_scope == "site":
            ids = np.array(
                [f"{site}\N{UNIT SEPARATOR}{word}" for site, word in zip(sites, ids, strict=True)], dtype=object
            )
    person = np.full(n, -1, dtype=np.int64)
    person[used] = pd.factorize(ids[used])[0]
    return person


def _ids(series: pd.Series) -> Words:
    """The id of each row as text, "" where there is none."""
    positions, uniques = pd.factorize(series)
    if pd.api.types.is_string_dtype(series):
        words = pd.Series(uniques).str.strip()
    else:
        words = pd.Series([_plain(value) for value in uniques], dtype="str")
    words = words.mask(words.str.lower().isin(["", "nan", "none", "<na>", "."]), "")
    return np.append(words.to_numpy(dtype=object), "")[positions]


def _check_ids(ids: Words, spec: CohortSpec, findings: list[Finding]) -> None:
    column = spec.structure["id"]
    distinct = pd.Series(pd.unique(pd.Series(ids, dtype="str")), dtype="str")
    private = 0 if "id" in spec.hashed else looks_private(distinct[:SAMPLE_OF_IDS])
    if private > len(distinct[:SAMPLE_OF_IDS]) / 2:
        what = f"ids of column `{column}` look like names, dates of birth or free text"
        remedy = f"Name a column of codes, or keep a keyed hash: {hash_remedy('id', column)}"
        findings.append(Finding("error", "", what, private, remedy, column))
    alike = distinct.str.lower()
    foot = alike[-SAMPLE_OF_IDS:].str.strip(" .:()±*=")
    summaries = int(foot.str.fullmatch(SUMMARY_WORD).sum())
    if summaries and foot.str.contains(r"\d").mean() >= 0.5:  # where ids are initials, SD may be a person
        what = f"ids of column `{column}` are words such as mean, SD or total: rows of a summary and no people"
        remedy = "Leave them out with `read: {footer_rows: ...}` or `eligibility`, or mend the file"
        findings.append(Finding("error", "", what, summaries, remedy, column))
    for mark in (" ", "\t", "_", "-"):
        alike = alike.str.replace(mark, "", regex=False)
    alike = alike.str.lstrip("0")
    doubtful = int(alike.duplicated(keep=False).sum())
    if doubtful:
        what = f"ids of column `{column}` differ from another only by zeros in front, spaces, dashes or case"
        findings.append(Finding("warning", "", what, doubtful, "Write each person's id in one way", column))


def _sides(
    words: Words, column: str, blank: NDArray[np.bool_], dictionary: Dictionary, findings: list[Finding]
) -> Words:
    sides = np.array([dictionary.sides.get(word.lower(), "") for word in words], dtype=object)
    unknown = int(((sides == "") & ~blank).sum())
    if unknown:
        what = f"rows of column `{column}` name no known side"
        remedy = "Write left and right, or add the word under `sides` in config/measures.yaml"
        findings.append(Finding("error", "", what, unknown, remedy, column))
    return sides


def _visits(
    spec: CohortSpec, words: Words, blank: NDArray[np.bool_], findings: list[Finding]
) -> tuple[tuple[str, ...], Index]:
    column = spec.structure["visit"]
    if spec.visits:
        names = tuple(dict.fromkeys(spec.visits.values()))
        position = {word: names.index(name) for word, name in spec.visits.items()}
        row = np.array([position.get(word_of(word), -1) for word in words], dtype=np.int64)
    else:
        found = list(dict.fromkeys(word for word, nothing in zip(words, blank, strict=True) if word and not nothing))
        names = tuple(sorted(found, key=float)) if all(_is_number(word) for word in found) else tuple(found)
        position = {name: index for index, name in enumerate(names)}
        row = np.array([position.get(word, -1) for word in words], dtype=np.int64)
    if not spec.visits and looks_dated(names) > len(names) / 2:
        what = f"names of visits in column `{column}` are dates, which are never published"
        remedy = f"Write `visit_date: {column}`: visits are then numbered by date"
        findings.append(Finding("error", "", what, len(names), remedy, column))
    names = tuple(re.sub(r"\W+", "_", name) for name in names)  # they become parts of columns' names
    unknown = int(((row < 0) & ~blank).sum())
    if unknown:
        remedy = "List every value under `visits`" if spec.visits else "Fill in the visit"
        what = f"rows of column `{column}` belong to no known visit"
        findings.append(Finding("error", "", what, unknown, remedy, column))
    return names, row


def _visits_by_date(
    spec: CohortSpec, frame: pd.DataFrame, person: Index, findings: list[Finding]
) -> tuple[tuple[str, ...], Index]:
    """Visits where the file gives dates alone: the first date of each person is visit 1, the next one visit 2 ..."""
    column = spec.structure["visit_date"]
    day = _dates(frame, column, spec, [])  # what cannot be read is told where the days are counted
    known = (person >= 0) & np.isfinite(day)
    row = np.full(len(frame), -1, dtype=np.int64)
    row[known] = pd.Series(day[known]).groupby(person[known]).rank("dense").to_numpy(dtype=np.int64) - 1
    most = int(row.max(initial=-1)) + 1
    if not most:
        return (), row
    if most == 1:
        return (), np.where(person >= 0, 0, -1)
    blank = frame[column].isna() | (frame[column].astype(str).str.strip() == "")
    dateless = int(((person >= 0) & blank.to_numpy(dtype=bool)).sum())
    if dateless:
        what = f"rows have no date in column `{column}`, so that nothing says which visit they are"
        findings.append(Finding("error", "", what, dateless, "Fill in the dates", column))
    visits_of = pd.Series(row[known]).groupby(person[known]).max() + 1
    fewer = int((visits_of < most).sum())
    if fewer:
        what = f"people have fewer than {most} dates in column `{column}`: which visit they missed is not known"
        remedy = "Visits are numbered by date; where one in the middle may be missing, name a column under `visit:`"
        findings.append(Finding("warning", "", what, fewer, remedy, column))
    numbers = [str(number) for number in range(1, most + 1)]
    return tuple(re.sub(r"\W+", "_", spec.visits.get(number, number)) for number in numbers), row


def _is_number(word: str) -> bool:
    try:
        return math.isfinite(float(word))
    except ValueError:
        return False


def _check_repeats(
    person: Index, visit: Index, facets: Mapping[str, Words], spec: CohortSpec, findings: list[Finding]
) -> None:
    """Rows that claim to be the same person, visit, side, repeat and rater."""
    if "id" not in spec.structure:
        return
    used = person >= 0
    keys = pd.DataFrame(
        {"person": person[used], "visit": visit[used]} | {name: word[used] for name, word in facets.items()}
    )
    if "site" in spec.structure and spec.id_scope == "study":
        return
    repeated = keys.duplicated(keep="first")
    count = int(repeated.sum())
    if count:
        people = int(keys.loc[repeated, "person"].nunique())
        told = [key for key in ("visit", "side", "trial", "rater") if key in spec.structure]
        rest = [key for key in ("visit", "side", "trial", "rater") if key not in spec.structure]
        again = f" with the same {', '.join(told)}" if told else ""
        what = f"ids of column `{spec.structure['id']}` occur more than once{again}"
        remedy = "Remove the rows too many" + (
            f", or name the column that tells the rows apart ({', '.join(f'`{key}:`' for key in rest)})" if rest else ""
        )
        findings.append(Finding("error", "", what, people, remedy, spec.structure["id"]))


def _roles(
    spec: CohortSpec, frame: pd.DataFrame, layout: Layout, dictionary: Dictionary, key: bytes, findings: list[Finding]
) -> dict[str, Words | Array]:
    roles: dict[str, Words | Array] = {}
    for role in ("site", "arm", "cluster"):
        if role not in spec.structure:
            continue
        column = spec.structure[role]
        words = _words(frame[column], dictionary)
        if role == "arm" and spec.arms:
            unknown = int(
                (np.array([word != "" and word_of(word) not in spec.arms for word in words]) & (layout.unit >= 0)).sum()
            )
            if unknown:
                what = f"rows of column `{column}` belong to no known arm"
                findings.append(Finding("error", "", what, unknown, "List every value under `arms`", column))
            words = np.array([spec.arms.get(word_of(word), "") for word in words], dtype=object)
        by_person = _first_word(words, layout.person_of_rows)
        conflicts = _conflicts(words, layout.person_of_rows)
        if conflicts and role == "arm":
            what = f"people have more than one {role} in column `{column}`"
            findings.append(Finding("error", "", what, conflicts, "Mend the file: a person has one", column))
        if role in spec.hashed:
            by_person = dict(
                zip(by_person, pseudonyms(np.array([*by_person.values()], object), key, role), strict=True)
            )
        roles[role] = np.array([by_person.get(int(number), "") for number in layout.person], dtype=object)
        absent = int((np.array(list(roles[role])) == "").sum())
        if absent:
            what = f"rows of the cohort have no {role} in column `{column}`"
            findings.append(Finding("warning", "", what, absent, "Fill it in, or leave these people out", column))
    if "id" in spec.hashed:
        words = _ids(frame[spec.structure["id"]])
        first = _first_word(words, layout.person_of_rows)
        hashes = pseudonyms(np.array([first[int(number)] for number in layout.person], dtype=object), key, "id")
        roles["person"] = hashes
    if "affected_side" in spec.structure:
        column = spec.structure["affected_side"]
        words = _words(frame[column], dictionary)
        sides = np.array([dictionary.sides.get(word.lower(), "") for word in words], dtype=object)
        unknown = int(((words != "") & (sides == "") & (layout.unit >= 0)).sum())
        if unknown:
            what = f"rows of column `{column}` name no known side as the affected one"
            findings.append(Finding("warning", "", what, unknown, "Write left or right; both is neither", column))
        conflicts = _conflicts(sides, layout.person_of_rows)
        if conflicts:
            what = f"people have both sides affected, row by row, in column `{column}`"
            findings.append(Finding("error", "", what, conflicts, "Mend the file: a person has one", column))
        first = _first_word(sides, layout.person_of_rows)
        roles["affected_side"] = np.array([first.get(int(number), "") for number in layout.person], dtype=object)
    days = _visit_days(spec, frame, layout, dictionary, findings)
    if days is not None:
        roles["visit_day"] = days
    return roles


def _first_word(words: Words, person: Index) -> dict[int, str]:
    first: dict[int, str] = {}
    for number, word in zip(person.tolist(), words, strict=True):
        if number >= 0 and word and number not in first:
            first[number] = word
    return first


def _conflicts(words: Words, person: Index) -> int:
    used = (person >= 0) & (words != "")
    return int(
        (pd.DataFrame({"person": person[used], "word": words[used]}).groupby("person")["word"].nunique() > 1).sum()
    )


def _visit_days(
    spec: CohortSpec, frame: pd.DataFrame, layout: Layout, dictionary: Dictionary, findings: list[Finding]
) -> Array | None:
    """Days of each unit: as the file says, or since the person's first date. Dates themselves never enter."""
    if "visit_day" in spec.structure:
        return _unit_mean(_days(frame, spec.structure["visit_day"], dictionary, findings), layout)
    if spec.visit_days and layout.per_column_visits:
        days = np.full(layout.n_units, np.nan)
        for visit, column in spec.visit_days.items():
            if visit in layout.visits:
                here = layout.unit >= 0
                values = _days(frame, column, dictionary, findings)
                days[layout.unit[here] + layout.visits.index(visit)] = values[here]
        return days
    day = np.full(layout.n_units, np.nan)
    if spec.visit_dates and layout.per_column_visits:
        here = layout.unit >= 0
        for visit, column in spec.visit_dates.items():
            if visit in layout.visits:
                day[layout.unit[here] + layout.visits.index(visit)] = _dates(frame, column, spec, findings)[here]
    elif "visit_date" in spec.structure:
        column = spec.structure["visit_date"]
        day = _unit_mean(_dates(frame, column, spec, findings), layout)
    else:
        return None
    first = pd.Series(day).groupby(layout.person).transform("min").to_numpy()
    backwards = 0
    if layout.visits:
        steps = pd.DataFrame({"person": layout.person, "visit": layout.visit, "day": day}).dropna()
        steps = steps.sort_values(["person", "visit"])
        backwards = int(((steps["person"].diff() == 0) & (steps["day"].diff() < 0)).sum())
    if backwards:
        what = "visits are dated before an earlier visit of the same person"
        findings.append(Finding("error", "", what, backwards, "Mend the dates, or the order under `visits`", column))
    return np.asarray(day - first, dtype=float)


def _days(frame: pd.DataFrame, column: str, dictionary: Dictionary, findings: list[Finding]) -> Array:
    """Days of each row as numbers; a finding for those that are none."""
    reading = read_numbers(frame[column], missing_words=dictionary.missing_words)
    if reading.unreadable:
        what = f"values of column `{column}` are no number of days"
        findings.append(Finding("error", "", what, reading.unreadable, "Mend the file, or name `visit_date:`", column))
    return reading.values


def _dates(frame: pd.DataFrame, column: str, spec: CohortSpec, findings: list[Finding]) -> Array:
    """Dates of each row as days; a finding for those that cannot be read."""
    text = frame[column]
    dates = pd.to_datetime(text, errors="coerce", format=spec.read.get("date_format", "ISO8601"))
    unread = int((dates.isna() & text.notna() & (text.astype(str).str.strip() != "")).sum())
    if unread:
        what = f"values of column `{column}` are not dates in the form 2024-03-31"
        remedy = "Say how they are written, for example `read: {date_format: '%d.%m.%Y'}`"
        findings.append(Finding("error", "", what, unread, remedy, column))
    days = (dates - pd.Timestamp("1970-01-01")) / pd.Timedelta(days=1)
    return np.asarray(days.to_numpy(dtype=float, na_value=np.nan), dtype=np.float64)


def _unit_mean(values: Array, layout: Layout) -> Array:
    ok = (layout.unit >= 0) & np.isfinite(values)
    count = np.bincount(layout.unit[ok], minlength=layout.n_units)
    total = np.bincount(layout.unit[ok], weights=values[ok], minlength=layout.n_units)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
