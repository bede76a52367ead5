"""Cohort spec: what config/cohorts/<name>.yaml says about a file, checked against the dictionary of measures.

A doubt carries the path of the yaml key it is about, so that whoever knows the file can name its line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from kinechain.cohort import Design
from kinechain.errors import closest
from kinechain.measures import LISTED_IN, Dictionary, LinearMap, Measure, word_of
from kinechain.pseudonyms import names_a_person
from kinechain.scoring import KINDS, inputs_of

STRUCTURE = ("site", "arm", "cluster", "visit", "visit_date", "visit_day", "side", "trial", "rater", "affected_side")
"""Keys of the yaml that name a column saying what a row is, not what was measured."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """A mistake in the meaning of a yaml, and the path of keys to the place to change."""

    path: tuple[str | int, ...]
    what: str
    remedy: str = ""


AS_IT_IS = LinearMap(1.0)


@dataclass(frozen=True, slots=True)
class Column:
    """What one column of the file means.

    name           as the file heads it
    measure        canonical measure; "" for a landmark
    to_canonical   map from the file's unit and convention to the canonical ones
    unit           unit in the file
    side, item, trial, rater, visit   constant for the whole column, "" where not said
    landmark, axis coordinate of a landmark, "" for a measure
    missing_codes  codes of this column, already the file's where it has none of its own
    codes          word in the file -> number
    """

    name: str
    measure: str
    to_canonical: LinearMap = AS_IT_IS
    unit: str = ""
    convention: str = ""
    side: str = ""
    item: str = ""
    trial: str = ""
    rater: str = ""
    visit: str = ""
    landmark: str = ""
    axis: str = ""
    missing_codes: tuple[str | float, ...] = ()
    codes: Mapping[str, float] = field(default_factory=dict)

    @property
    def target(self) -> str:
        """The column of canonical values this one feeds: measure, measure.item or landmark.axis."""
        if self.landmark:
            return f"{self.landmark}.{self.axis}"
        return f"{self.measure}.{self.item}" if self.item else self.measure


@dataclass(frozen=True, slots=True)
class CohortSpec:
    """One cohort as its yaml describes it.

    name         of the yaml file
    file         the data, relative to the study's folder
    structure    what a row is (id, visit, side, arm ...) -> column of the file
    columns      what each mapped column means
    constructs   construct -> measure
    sides        construct -> the side that stands for it, where it is not the mean of both
    hashed       roles (id, site, cluster) of which only a keyed hash is kept
    derivations  measures to compute, in an order that works, each with the way it is computed
    visits       value in the file -> name of the visit, in order of time; arms likewise
    visit_days   visit -> column of its day, in files with one row a person; visit_dates likewise
    eligibility  conditions in order, as the yaml writes them
    """

    name: str
    title: str
    file: str
    format: str
    design: Design
    sampling_frame: str
    synthetic: bool
    columns: tuple[Column, ...]
    constructs: Mapping[str, str]
    derivations: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    structure: Mapping[str, str] = field(default_factory=dict)
    sides: Mapping[str, str] = field(default_factory=dict)
    hashed: frozenset[str] = frozenset()
    id_scope: str = ""
    visits: Mapping[str, str] = field(default_factory=dict)
    arms: Mapping[str, str] = field(default_factory=dict)
    visit_days: Mapping[str, str] = field(default_factory=dict)
    visit_dates: Mapping[str, str] = field(default_factory=dict)
    eligibility: tuple[Mapping[str, Any], ...] = ()
    landmarks: Mapping[str, Any] = field(default_factory=dict)
    read: Mapping[str, Any] = field(default_factory=dict)
    citation: str = ""
    models: tuple[str, ...] = ()

    def reading(self, read: Mapping[str, Any]) -> CohortSpec:
        """This spec with the settings a reader found out by looking."""
        return replace(self, read=dict(read))

    @property
    def wanted(self) -> tuple[str, ...]:
        """Columns of the file that are read, each once: structure, conditions, measures, how pictures were taken."""
        names = [
            *self.structure.values(),
            *self.visit_days.values(),
            *self.visit_dates.values(),
            *(str(rule["column"]) for rule in self.eligibility),
        ]
        names += [column.name for column in self.columns]
        names += [self.landmarks[key] for key in picture_columns(self.landmarks)]
        return tuple(dict.fromkeys(names))

    @property
    def measured(self) -> tuple[str, ...]:
        """Measures the cohort has, mapped or derived, each once."""
        mapped = [column.measure for column in self.columns if column.measure and not column.item]
        return tuple(dict.fromkeys([*mapped, *(name for name, _ in self.derivations)]))


def picture_columns(landmarks: Mapping[str, Any]) -> tuple[str, ...]:
    """Keys of the landmarks part whose value names a column rather than a number or a direction."""
    keys = [key for key in ("roll_deg", "mm_per_px") if isinstance(landmarks.get(key), str)]
    if landmarks.get("facing", "left") not in ("left", "right"):
        keys.insert(0, "facing")
    return tuple(keys)


def parse_cohort_spec(
    name: str, data: Mapping[str, Any], dictionary: Dictionary
) -> tuple[CohortSpec, tuple[Doubt, ...]]:
    """The spec of a cohort whose yaml has the right shape, and every doubt about its meaning.

    With doubts the spec is good enough to look at the data with, so that all findings come at once.
    """
    doubts: list[Doubt] = list(open_questions(data))
    columns = tuple(_parse_columns(data, dictionary, doubts))
    chosen = {str(construct): _chosen(entry) for construct, entry in data.get("constructs", {}).items()}
    constructs = {
        construct: measure
        for construct, (measure, _) in chosen.items()
        if _construct_is_good(construct, measure, dictionary, doubts)
    }
    derivations, missing = plan_derivations(columns, constructs, tuple(data.get("derive", ())), dictionary)
    for path, measure in missing:
        doubts.append(_not_obtainable(path, measure, dictionary))
    gone = {measure for _, measure in missing}
    spec = CohortSpec(
        name=name,
        title=data.get("title", name.replace("_", " ")),
        file=data["file"],
        format=data["format"],
        design=data["design"],
        sampling_frame=data["sampling_frame"],
        synthetic=data["synthetic"],
        columns=columns,
        constructs={construct: measure for construct, measure in constructs.items() if measure not in gone},
        derivations=derivations,
        structure={key: name for key in ("id", *STRUCTURE) if (name := _column_named(data.get(key)))},
        sides={name: side for name, (_, side) in chosen.items() if name in constructs and side != "mean"},
        hashed=frozenset(
            key for key in ("id", *STRUCTURE) if isinstance(data.get(key), Mapping) and "hash" in data[key]
        ),
        visit_days=_by_visit(data.get("visit_day")),
        visit_dates=_by_visit(data.get("visit_date")),
        id_scope=data.get("id_scope", ""),
        visits={word_of(value): str(visit) for value, visit in data.get("visits", {}).items()},
        arms={word_of(value): str(arm) for value, arm in data.get("arms", {}).items()},
        eligibility=tuple(data.get("eligibility", ())),
        landmarks=data.get("landmarks", {}),
        read=data.get("read", {}),
        citation=data.get("citation", ""),
        models=tuple(data.get("models", ())),
    )
    doubts += _structure_doubts(spec, data)
    doubts += _side_doubts(spec, dictionary)
    return spec, tuple(doubts)


def _by_visit(entry: object) -> dict[str, str]:
    """Visit -> column, of a key that may also name one column for all."""
    return {str(visit): str(name) for visit, name in entry.items()} if isinstance(entry, Mapping) else {}


def _chosen(entry: object) -> tuple[str, str]:
    """Measure and side of an entry under `constructs:`."""
    if isinstance(entry, Mapping):
        return str(entry["measure"]), str(entry["side"])
    return str(entry), "mean"


def _side_doubts(spec: CohortSpec, dictionary: Dictionary) -> Iterator[Doubt]:
    """Constructs that stand for a side nobody was measured on, or that the file does not tell."""
    for construct, side in spec.sides.items():
        path = ("constructs", construct, "side")
        if construct not in spec.constructs:
            continue
        measure = dictionary[spec.constructs[construct]]
        there = {column.side for column in spec.columns if column.measure == measure.name and not column.item}
        there |= {"left", "right"} if "side" in spec.structure and "" in there else set()
        needed = {side} if side in ("left", "right") else {"left", "right"}
        if not measure.two_sided:
            yield Doubt(path, f"`{measure.name}` has no sides", f"Write `{construct}: {measure.name}`")
        elif not needed <= there:
            absent = " and ".join(sorted(needed - there))
            yield Doubt(path, f"no column holds the {absent} side of `{measure.name}`", "Map one, or take another side")
        elif side == "worst" and not measure.orientation:
            yield Doubt(
                path, f"neither side of `{measure.name}` is the worse: it has no direction", "Take another side"
            )
        elif side == "affected" and "affected_side" not in spec.structure:
            yield Doubt(path, "nothing says which side is affected", "Add `affected_side:` with the column that does")


def _column_named(entry: object) -> str:
    """The column that a key such as `id:` names, plainly or with how it is hashed; "" when it names none."""
    named = entry.get("column", "") if isinstance(entry, Mapping) else entry
    return named if isinstance(named, str) else ""


def open_questions(data: Mapping[str, Any]) -> Iterator[Doubt]:
    """What a draft left to a person; asked of a yaml of any shape, so that nothing else hides it."""
    columns = data.get("columns")
    for name, entry in columns.items() if isinstance(columns, Mapping) else ():
        asked = entry.get("undecided", ()) if isinstance(entry, Mapping) else ()
        for question in asked if isinstance(asked, list | tuple) else ():
            path = ("columns", str(name), "undecided")
            yield Doubt(path, f"column `{name}` is undecided: {question}", "Settle it, then delete it")
    if data.get("sampling_frame") == "undecided":
        who = "Say who could enter: general, a clinic's patients ..."
        yield Doubt(("sampling_frame",), "`sampling_frame` is undecided", who)


def _parse_columns(data: Mapping[str, Any], dictionary: Dictionary, doubts: list[Doubt]) -> Iterator[Column]:
    seen: dict[tuple[str, ...], str] = {}
    for key, entry in data["columns"].items():
        name = str(key)
        path = ("columns", name)
        if "landmark" in entry and "measure" not in entry:
            if "axis" not in entry:
                doubts.append(
                    Doubt(path, f"column `{name}` is a landmark without `axis`", "Add `axis: x` or `axis: y`")
                )
                continue
            column = Column(
                name,
                "",
                landmark=entry["landmark"],
                axis=entry["axis"],
                visit=str(entry.get("visit", "")),
                missing_codes=_codes(entry, data),
            )
        elif "measure" not in entry:
            if "undecided" not in entry:
                doubts.append(Doubt(path, f"column `{name}` has no `measure`", f"Name one of those in {LISTED_IN}"))
            continue
        elif entry["measure"] not in dictionary:
            what = f"`{entry['measure']}` is not a measure"
            doubts.append(Doubt((*path, "measure"), what, closest(entry["measure"], dictionary.measures, LISTED_IN)))
            continue
        else:
            column = _parse_column(name, entry, data, dictionary, doubts)
        facets = (column.target, column.side, column.trial, column.rater, column.visit)
        if facets in seen:
            what = f"columns `{seen[facets]}` and `{name}` claim the same thing"
            doubts.append(
                Doubt(path, what, "Tell them apart by `side`, `trial`, `rater`, `visit` or `item`, or drop one")
            )
        seen[facets] = name
        yield column


def _codes(entry: Mapping[str, Any], data: Mapping[str, Any]) -> tuple[str | float, ...]:
    """Missing codes of a column: its own list, else the file's."""
    listed = entry.get("missing_codes", data.get("missing_codes", ()))
    return tuple(
        float(code) if isinstance(code, int | float) and not isinstance(code, bool) else word_of(code)
        for code in listed
    )


def _parse_column(
    name: str, entry: Mapping[str, Any], data: Mapping[str, Any], dictionary: Dictionary, doubts: list[Doubt]
) -> Column:
    path = ("columns", name)
    measure = dictionary[entry["measure"]]
    item = entry.get("item", "")
    if item and item not in measure.items:
        remedy = closest(item, measure.items) or f"Only a measure with items takes `item`; they stand in {LISTED_IN}"
        doubts.append(Doubt((*path, "item"), f"`{item}` is not an item of `{measure.name}`", remedy))
    if entry.get("side") and not measure.two_sided:
        what = f"`{measure.name}` has no sides"
        doubts.append(Doubt((*path, "side"), what, f"Drop `side`, or add `sides: mean` to it in {LISTED_IN}"))
    if measure.position and entry.get("position", measure.position) != measure.position:
        what = f"`{measure.name}` is defined {measure.position}, this column is {entry['position']}"
        doubts.append(Doubt((*path, "position"), what, f"Give it a measure of its own in {LISTED_IN}: never mixed"))
    convention = LinearMap(1.0) if item else _convention(path, entry, measure, doubts)
    return Column(
        name=name,
        measure=measure.name,
        to_canonical=convention.after(_unit(path, entry, measure, dictionary, doubts, bool(item))),
        unit=entry.get("unit", measure.unit),
        convention=entry.get("convention", ""),
        side=entry.get("side", ""),
        item=item,
        trial=str(entry.get("trial", "")),
        rater=str(entry.get("rater", "")),
        visit=str(entry.get("visit", "")),
        missing_codes=_codes(entry, data),
        codes=dict(_levels(path, entry, measure, doubts)),
    )


def _convention(path: tuple[str, ...], entry: Mapping[str, Any], measure: Measure, doubts: list[Doubt]) -> LinearMap:
    named = entry.get("convention")
    if named is None:
        if measure.conventions:
            options = ", ".join(f"`{name}` ({item.meaning})" for name, item in measure.conventions.items())
            what = f"column `{path[1]}` does not say which convention of `{measure.name}` it follows"
            doubts.append(Doubt(path, what, f"Add `convention:` with one of {options}. It is never guessed"))
        return LinearMap(1.0)
    if named not in measure.conventions:
        remedy = (
            closest(named, measure.conventions) if measure.conventions else f"`{measure.name}` has one only: drop it"
        )
        doubts.append(Doubt((*path, "convention"), f"`{named}` is not a convention of `{measure.name}`", remedy))
        return LinearMap(1.0)
    return measure.conventions[named]


def _unit(
    path: tuple[str, ...],
    entry: Mapping[str, Any],
    measure: Measure,
    dictionary: Dictionary,
    doubts: list[Doubt],
    is_item: bool,
) -> LinearMap:
    named = entry.get("unit")
    if named is None:
        if "unit" in measure.declare and not is_item:
            what = f"column `{path[1]}` does not say its unit; files write `{measure.name}` in several"
            doubts.append(Doubt(path, what, f"Add `unit:`, for example `unit: {measure.unit}`. It is never guessed"))
        return LinearMap(1.0)
    try:
        return dictionary.unit_map(named, measure.unit)
    except ValueError as error:
        what = f"unit `{named}` cannot become `{measure.unit}` of `{measure.name}`: {error}"
        doubts.append(Doubt((*path, "unit"), what, f"Write a unit such as `{measure.unit}`"))
        return LinearMap(1.0)


def _levels(
    path: tuple[str, ...], entry: Mapping[str, Any], measure: Measure, doubts: list[Doubt]
) -> Iterator[tuple[str, float]]:
    for value, target in entry.get("codes", {}).items():
        if isinstance(target, int | float) and not isinstance(target, bool):
            yield word_of(value), float(target)
        elif word_of(target) in measure.levels:
            yield word_of(value), measure.levels[word_of(target)]
        else:
            what = f"`{target}` is not a level of `{measure.name}`"
            doubts.append(Doubt((*path, "codes"), what, closest(word_of(target), measure.levels) or "Write a number"))


def _construct_is_good(construct: str, measure: str, dictionary: Dictionary, doubts: list[Doubt]) -> bool:
    path = ("constructs", construct)
    if construct not in dictionary.constructs:
        what = f"`{construct}` is not a construct"
        doubts.append(Doubt(path, what, closest(construct, dictionary.constructs, LISTED_IN)))
        return False
    if measure not in dictionary:
        what = f"`{measure}` is not a measure"
        doubts.append(Doubt(path, what, closest(measure, dictionary.measures, LISTED_IN)))
        return False
    if dictionary[measure].construct != construct:
        able = sorted(name for name, item in dictionary.measures.items() if item.construct == construct)
        what = f"`{measure}` does not measure `{construct}`"
        doubts.append(Doubt(path, what, f"Name one of {', '.join(f'`{name}`' for name in able)}"))
        return False
    if construct in dictionary and dictionary[construct].orientation < 0:
        doubts.append(Doubt(path, f"construct and measure `{construct}` share a name", f"Rename one in {LISTED_IN}"))
        return False
    return True


def plan_derivations(
    columns: tuple[Column, ...], constructs: Mapping[str, str], asked: tuple[str, ...], dictionary: Dictionary
) -> tuple[tuple[tuple[str, Mapping[str, Any]], ...], tuple[tuple[tuple[str | int, ...], str], ...]]:
    """Measures to compute, in order, each with its way; and those that cannot be had, with the path asking for them.

    Wanted are measures that constructs name, that the yaml asks for, that have their items mapped, and the third of an
    identity whose others are there.
    """
    present = {column.target for column in columns}
    present |= {f"{column.landmark}.{axis}" for column in columns if column.landmark for axis in ("a", "u")}
    plan: list[tuple[str, Mapping[str, Any]]] = []

    def obtain(measure: str, asking: frozenset[str]) -> bool:
        if measure in present:
            return True
        if measure in asking or measure not in dictionary:
            return False
        for way in dictionary[measure].derive:
            if _is_possible(way, measure, present, lambda name: obtain(name, asking | {measure})):
                present.add(measure)
                plan.append((measure, way))
                return True
        return False

    scored = dict.fromkeys(column.measure for column in columns if column.item)
    wanted: list[tuple[tuple[str | int, ...], str]] = [(("columns",), measure) for measure in scored]
    wanted += [(("constructs", construct), measure) for construct, measure in constructs.items()]
    wanted += [(("derive", index), measure) for index, measure in enumerate(asked)]
    missing = tuple((path, measure) for path, measure in wanted if not obtain(measure, frozenset()))
    for identity in dictionary.identities:
        third = [name for name in (identity.total, *identity.parts) if name not in present]
        if len(third) == 1:
            obtain(third[0], frozenset())
    return tuple(plan), missing


def _is_possible(way: Mapping[str, Any], measure: str, present: set[str], obtain: Callable[[str], bool]) -> bool:
    needed = inputs_of(way, measure)
    if not KINDS[way["kind"]].needs_all:
        return sum(name in present for name in needed) >= int(way["min_answered"])
    return all(name in present if "." in name else obtain(name) for name in needed)


def _not_obtainable(path: tuple[str | int, ...], measure: str, dictionary: Dictionary) -> Doubt:
    if path == ("columns",):
        return Doubt(path, f"too few items of `{measure}` are mapped to score it", "Map the others with `item:`")
    if measure not in dictionary:
        return Doubt(path, f"`{measure}` is not a measure", closest(measure, dictionary.measures, LISTED_IN))
    ways = sorted({name for way in dictionary[measure].derive for name in inputs_of(way, measure)})
    other = f" (or those it derives from: {', '.join(ways)})" if ways and len(ways) <= 4 else ""
    return Doubt(path, f"no column holds `{measure}`", f"Map a column to it{other}, or take it out here")


def _structure_doubts(spec: CohortSpec, data: Mapping[str, Any]) -> Iterator[Doubt]:
    if (spec.format == "moments") != (spec.design == "summary"):
        yield Doubt(("design",), "`format: moments` and `design: summary` go together", "Change one of them")
    if spec.format == "moments" and spec.structure:
        yield Doubt((next(iter(spec.structure)),), "published moments have no rows, so no such column", "Drop the key")
    if spec.design == "trial" and "arm" not in data:
        yield Doubt(("design",), "a trial needs the column of its arms", "Add `arm:`")
    if spec.design in ("trial", "longitudinal") and not _has_visits(spec):
        yield Doubt(
            ("design",),
            f"a {spec.design} cohort needs visits",
            "Add `visit:` or `visit_date:` here, or `visit:` to the columns",
        )
    for plural, singular in (("arms", "arm"), ("visits", "visit")):
        if plural in data and singular not in data and not (plural == "visits" and _has_visits(spec)):
            yield Doubt((plural,), f"`{plural}` names values of a column that is not given", f"Add `{singular}:`")
    for role in ("id", "cluster"):
        name = spec.structure.get(role, "")
        if name and role not in spec.hashed and names_a_person(name):
            what = f"column `{name}` names people, by its head"
            yield Doubt((role,), what, f"Name a column of codes, or keep a keyed hash: {hash_remedy(role, name)}")
    used: dict[str, str] = {}
    for role, name in spec.structure.items():
        if name in used:
            yield Doubt((role,), f"column `{name}` is both `{used[name]}` and `{role}`", "Name another column")
        used[name] = role
    for column in spec.columns:
        if column.name == spec.structure.get("id"):
            yield Doubt(
                ("columns", column.name), "the column of ids may not enter the table", "Take it out of `columns`"
            )
    if any(column.landmark for column in spec.columns) and not spec.landmarks:
        yield Doubt(("columns",), "landmark columns need to know how the pictures were taken", "Add `landmarks:`")
    there = {column.target for column in spec.columns if column.landmark}
    for point in spec.landmarks.get("plumb", ()):
        if not {f"{point}.x", f"{point}.y"} <= there:
            what = f"no columns hold the landmark `{point}` of the plumb line"
            yield Doubt(("landmarks", "plumb"), what, "Map its `axis: x` and `axis: y`, or drop `plumb`")
    scaled = [measure for measure, way in spec.derivations if KINDS[way["kind"]].scaled]
    if scaled and "mm_per_px" not in spec.landmarks:
        what = f"`{scaled[0]}` is a distance and the pictures have no scale"
        yield Doubt(("landmarks",), what, "Add `mm_per_px:`; angles need none")
    if "id" not in data and any(key in data for key in ("visit", "side", "trial", "rater")):
        yield Doubt(
            (), "rows of one person cannot be told without `id`", "Add `id:` with the column that names the person"
        )


def hash_remedy(role: str, name: str) -> str:
    """The line of yaml, as code, that keeps only a keyed hash of a column: `id`, `site` or `cluster` as its role."""
    return f"`{role}: {{column: {name}, hash: keyed}}`"


def _has_visits(spec: CohortSpec) -> bool:
    return bool({"visit", "visit_date"} & set(spec.structure)) or any(column.visit for column in spec.columns)
