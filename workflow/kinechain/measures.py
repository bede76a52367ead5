"""Measures: what a number means. Units, directions, ranges and conventions, read from config/measures.yaml.

Nothing here knows a measure by name. The sign rule of the whole project is one line: a construct is orientation × value
(`Measure.oriented`); nothing else flips a sign.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from kinechain.errors import Problem, closest
from kinechain.numerics import Array
from kinechain.scoring import KINDS, inputs_of

if TYPE_CHECKING:
    import pint

Level = Literal["error", "warning", "note"]
LISTED_IN = "config/measures.yaml"
_UNIT_TERM = r"[A-Za-zµ°%_]+\d?[²³]?( ?(\*\*|\^) ?-?\d)?"
UNIT_SYNTAX = re.compile(rf"{_UNIT_TERM}( ?[*/· ] ?{_UNIT_TERM})*")
""" `met_minute / week`, `kg/cm2`, `N`: names, small powers, products and quotients. Nothing else reaches pint."""


@dataclass(frozen=True, slots=True)
class LinearMap:
    """value = factor × reading + offset; `meaning` says in words how the instrument reads."""

    factor: float
    offset: float = 0.0
    meaning: str = ""

    def __call__(self, reading: Array) -> Array:
        return reading if self.is_identity else self.factor * reading + self.offset

    @property
    def is_identity(self) -> bool:
        return self.factor == 1.0 and self.offset == 0.0

    def after(self, first: LinearMap) -> LinearMap:
        """The map that applies `first` and then this one."""
        return LinearMap(self.factor * first.factor, self.factor * first.offset + self.offset, self.meaning)


@dataclass(frozen=True, slots=True)
class Reliability:
    """How far a measure repeats itself.

    value   share of the variance that is not measurement error, 0 to 1
    sem     standard error of measurement, in the measure's unit; None when unknown
    mdc     smallest detectable change, 95 %, in the measure's unit; None when unknown
    source  DOI or PMID, "default", or "this cohort"
    low, high  95 % interval of `value`, when it was estimated from repeats
    bias       mean of the second reading less the first, when two were compared; in the measure's unit
    limits     between which 95 % of those differences lie (Bland and Altman)
    """

    value: float
    sem: float | None = None
    mdc: float | None = None
    source: str = "default"
    low: float | None = None
    high: float | None = None
    bias: float | None = None
    limits: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Measure:
    """Meaning of one kind of number.

    name         as every later file writes it
    label        for people
    construct    what it can stand for; "" for nothing
    orientation  +1: higher is more of the construct; -1: less; 0: a covariate that enters as it is
    unit         canonical unit
    hard, soft   ranges in the canonical unit: outside hard a value cannot be true, outside soft it is rare
    conventions  name -> map from that convention to the canonical one (the first); empty when there is only one
    levels       word -> number of a measure with categories; empty for a quantity
    words        word in a file, lower case -> level
    declare      what a cohort has to say about its column: unit, codes
    derive       ways to obtain it from others, the first possible one is used
    two_sided    True when left and right are measured and averaged
    course       "fixed" when it cannot change between visits, "rising" when it cannot fall, "" otherwise
    """

    name: str
    label: str
    construct: str
    orientation: int
    unit: str
    hard: tuple[float, float] | None = None
    soft: tuple[float, float] | None = None
    integer: bool = False
    two_sided: bool = False
    course: str = ""
    conventions: Mapping[str, LinearMap] = field(default_factory=dict)
    levels: Mapping[str, float] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)
    declare: tuple[str, ...] = ()
    derive: tuple[Mapping[str, Any], ...] = ()
    position: str = ""
    instrument: str = ""
    typical: tuple[float, float] | None = None
    reliability: Reliability | None = None
    mcid: float | None = None
    mcid_source: str = ""
    names: tuple[str, ...] = ()

    def oriented(self, value: Array) -> Array:
        """The measure in problem space: orientation × value, or the value itself for a covariate."""
        return value if self.orientation == 0 else self.orientation * value

    @property
    def sign(self) -> int:
        """Factor of `oriented`: -1 or 1."""
        return -1 if self.orientation < 0 else 1

    @property
    def items(self) -> tuple[str, ...]:
        """Items of the questionnaire this measure is the sum of, in the dictionary's order."""
        for way in self.derive:
            if way["kind"] == "sum_score" and way.get("items_of", self.name) == self.name:
                return tuple(way["items"])
        return ()


@dataclass(frozen=True, slots=True)
class Construct:
    """What models speak about: its words and its part (chain, helper or covariate)."""

    name: str
    label: str
    short: str
    role: str
    meaning: str = ""


@dataclass(frozen=True, slots=True)
class Identity:
    """Measures that must add up: total = sum of parts, with the differences that warn and that stop."""

    name: str
    total: str
    parts: tuple[str, ...]
    warn_beyond: float
    error_beyond: float


@dataclass(frozen=True, slots=True)
class Expectation:
    """Sign two measures of one body must show after conversion, what the opposite is worth, and why."""

    measures: tuple[str, str]
    sign: int
    level: Level
    reason: str


@dataclass(frozen=True, slots=True)
class Dictionary:
    """All measures, the constructs they stand for, and the words files use.

    constructs     name -> Construct, in body order from bottom to top
    measures       name -> Measure
    missing_words  text, lower case, that means missing in any file
    suspect_codes  numbers that are likely undeclared missing codes when outside a hard range
    sides          word, lower case -> left or right
    """

    constructs: Mapping[str, Construct]
    measures: Mapping[str, Measure]
    missing_words: frozenset[str] = frozenset({""})
    suspect_codes: tuple[float, ...] = ()
    sides: Mapping[str, str] = field(default_factory=lambda: {"left": "left", "right": "right"})
    units: Mapping[str, str] = field(default_factory=dict)
    definitions: tuple[str, ...] = ()
    identities: tuple[Identity, ...] = ()
    expectations: tuple[Expectation, ...] = ()

    def __getitem__(self, name: str) -> Measure:
        return self.measures[name]

    def __contains__(self, name: object) -> bool:
        return name in self.measures

    def unit_map(self, unit: str, canonical: str) -> LinearMap:
        """Map from a unit to another of the same dimension.

        Raises ValueError when either is not a unit or they measure different things.
        """
        return _unit_map(
            unit.strip(), canonical.strip(), tuple(sorted(self.units.items())), tuple(sorted(self.definitions))
        )


@cache
def _unit_map(
    unit: str, canonical: str, aliases: tuple[tuple[str, str], ...], definitions: tuple[str, ...]
) -> LinearMap:
    if unit == canonical:
        return LinearMap(1.0)
    known = dict(aliases)
    written = [known.get(text, text) for text in (unit, canonical)]
    for text in written:
        if not UNIT_SYNTAX.fullmatch(text):
            raise ValueError(f"'{text}' is not a unit")
    import pint

    registry = _registry(definitions)
    try:
        start, end = (registry.Unit(_pint_words(text)) for text in written)
        if registry.Quantity(1, start).to_root_units().units != registry.Quantity(1, end).to_root_units().units:
            # pint would turn degrees into per cent, as both have no dimension
            raise ValueError(f"'{unit}' and '{canonical}' measure different things")
        zero, one = (registry.Quantity(value, start).to(end).magnitude for value in (0.0, 1.0))
    except pint.UndefinedUnitError as error:
        names = [error.unit_names] if isinstance(error.unit_names, str) else error.unit_names
        raise ValueError(" and ".join(f"'{name}'" for name in names) + " is not a unit") from None
    except (pint.PintError, AssertionError, TypeError) as error:  # pint asserts while it parses
        raise ValueError(f"'{unit}' is not a unit") from error
    return LinearMap(float(one - zero), float(zero))


@cache
def _registry(definitions: tuple[str, ...]) -> pint.UnitRegistry[Any]:
    import pint

    registry: pint.UnitRegistry[Any] = pint.UnitRegistry(autoconvert_offset_to_baseunit=True)
    for definition in definitions:
        registry.define(definition)
    return registry


def _pint_words(text: str) -> str:
    """Units as people write them (cm2, m²) as pint reads them."""
    text = text.replace("²", "2").replace("³", "3").replace("°", "degree")
    return re.sub(r"(?<=[A-Za-z])\^?([23])(?![0-9A-Za-z])", r"**\1", text)


def parse_dictionary(data: Mapping[str, Any]) -> Dictionary:
    """The dictionary of a measures.yaml whose shape has been checked; meaning is checked by `dictionary_problems`."""
    level_words = {word_of(level): words for level, words in data.get("level_words", {}).items()}
    measures = {name: _parse_measure(name, entry, level_words) for name, entry in data["measures"].items()}
    sides = {word.lower(): side for side, words in data.get("sides", {}).items() for word in words}
    return Dictionary(
        constructs={
            name: Construct(
                name, entry["label"], entry.get("short", entry["label"]), entry["role"], entry.get("meaning", "")
            )
            for name, entry in data["constructs"].items()
        },
        measures=measures,
        missing_words=frozenset(str(word).lower() for word in data.get("missing_words", ())) | {""},
        suspect_codes=tuple(float(code) for code in data.get("suspect_codes", ())),
        sides=sides | {"left": "left", "right": "right"},
        units=data.get("units", {}),
        definitions=tuple(data.get("definitions", ())),
        identities=tuple(
            Identity(entry["name"], entry["sum"], tuple(entry["parts"]), entry["warn_beyond"], entry["error_beyond"])
            for entry in data.get("identities", ())
        ),
        expectations=tuple(
            Expectation((entry["measures"][0], entry["measures"][1]), entry["sign"], entry["level"], entry["reason"])
            for entry in data.get("expectations", ())
        ),
    )


def _parse_measure(name: str, entry: Mapping[str, Any], level_words: Mapping[str, list[Any]]) -> Measure:
    levels = {word_of(word): float(number) for word, number in entry.get("levels", {}).items()}
    words = {level: level for level in levels}
    words |= {word_of(word): level for level in levels for word in level_words.get(level, ())}
    for level, others in entry.get("words", {}).items():
        words |= {str(word).lower(): word_of(level) for word in others}
    reliability, typical, mcid = (entry.get(key) for key in ("reliability", "typical", "mcid"))
    return Measure(
        name=name,
        label=entry["label"],
        construct=entry["construct"],
        orientation=entry["orientation"],
        unit=entry["unit"],
        hard=_range(entry.get("hard")),
        soft=_range(entry.get("soft")),
        integer=entry.get("integer", False),
        two_sided="sides" in entry,
        course=entry.get("course", ""),
        conventions={
            convention: LinearMap(float(item["factor"]), float(item.get("offset", 0.0)), item["meaning"])
            for convention, item in entry.get("conventions", {}).items()
        },
        levels=levels,
        words=words,
        declare=tuple(entry.get("declare", ())),
        derive=tuple(entry.get("derive", ())),
        position=entry.get("position", ""),
        instrument=entry.get("instrument", ""),
        typical=(float(typical["mean"]), float(typical["sd"])) if typical else None,
        reliability=Reliability(
            float(reliability["value"]), reliability.get("sem"), reliability.get("mdc"), reliability["source"]
        )
        if reliability
        else None,
        mcid=float(mcid["value"]) if mcid else None,
        mcid_source=mcid["source"] if mcid else "",
        names=tuple(entry.get("names", ())),
    )


def word_of(value: object) -> str:
    """A code as lower-case text; yaml's true and false are the words yes and no, whole numbers lose their ".0"."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip().lower()


def _range(value: list[float] | None) -> tuple[float, float] | None:
    return (float(value[0]), float(value[1])) if value else None


def dictionary_problems(dictionary: Dictionary, shown: str = LISTED_IN) -> Iterator[Problem]:
    """Mistakes in the meaning of a dictionary: unknown names, ranges upside down, maps that lose the value."""
    for measure in dictionary.measures.values():
        where = f"{shown}: measures.{measure.name}"
        if measure.construct and measure.construct not in dictionary.constructs:
            yield Problem(
                where,
                f"`construct: {measure.construct}` is not known",
                closest(measure.construct, dictionary.constructs),
            )
        for kind in ("hard", "soft"):
            limits = getattr(measure, kind)
            if limits and limits[0] >= limits[1]:
                yield Problem(where, f"the {kind} range is upside down", "Write the lower end first")
        for name, convention in measure.conventions.items():
            if convention.factor == 0:
                yield Problem(where, f"convention `{name}` has factor 0, which loses the value", "Give its factor")
        if measure.conventions and not next(iter(measure.conventions.values())).is_identity:
            yield Problem(where, "its first convention is not the canonical one", "List the one with factor 1 first")
        for level in measure.words.values():
            if level not in measure.levels:
                yield Problem(where, f"`words` names the level `{level}`", closest(level, measure.levels))
        for way in measure.derive:
            yield from _derivation_problems(where, measure, way, dictionary)
    for identity in dictionary.identities:
        for name in (identity.total, *identity.parts):
            if name not in dictionary:
                yield Problem(f"{shown}: identities", f"`{name}` is not a measure", closest(name, dictionary.measures))
    for expectation in dictionary.expectations:
        for name in expectation.measures:
            if name not in dictionary:
                yield Problem(
                    f"{shown}: expectations", f"`{name}` is not a measure", closest(name, dictionary.measures)
                )


def _derivation_problems(
    where: str, measure: Measure, way: Mapping[str, Any], dictionary: Dictionary
) -> Iterator[Problem]:
    if way["kind"] not in KINDS:
        yield Problem(where, f"kind of scoring `{way['kind']}` is not known", closest(way["kind"], KINDS))
        return
    for name in inputs_of(way, measure.name):
        base, _, part = name.partition(".")
        if not part and base not in dictionary:
            yield Problem(where, f"`derive` names `{base}`, which is not a measure", closest(base, dictionary.measures))
    if way["kind"] == "sum_score" and way["min_answered"] > len(way["items"]):
        yield Problem(where, "`min_answered` is more than there are items", f"Write at most {len(way['items'])}")
