"""A cohort: people and what was measured on them, in canonical names and units, and how it came to be."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from kinechain.numerics.moments import Moments

if TYPE_CHECKING:
    import pandas as pd

Design = Literal["cross_sectional", "longitudinal", "trial", "summary"]


@dataclass(frozen=True, slots=True)
class FlowStep:
    """One step on the way from the file to the analysis: how many people (or rows) it took away, and why."""

    reason: str
    removed: int
    left: int
    unit: str = "people"


@dataclass(frozen=True, slots=True)
class Finding:
    """One doubt about the data, with counts only, never a person's value.

    level    error (stops the study), warning (printed), note (recorded)
    measure  canonical measure or column it is about, or "" for the whole file
    what     what was seen; with a count, its words follow the number: "values of column `X` lie outside ..."
    count    how many values or people it touches; 0 when it is about the whole
    remedy   which line of config to change, or what to look at
    column   column of the file it was seen in, or ""
    """

    level: Literal["error", "warning", "note"]
    measure: str
    what: str
    count: int
    remedy: str = ""
    column: str = ""


@dataclass(frozen=True, slots=True)
class Cohort:
    """People × measures (or a published table of moments), ready for models.

    name            as in config/cohorts/<name>.yaml
    title           for people
    people          one row a person (× visit): canonical measures in canonical units, then constructs in problem
                    space (orientation × value); float64, missing is NaN. None for a summary-statistics cohort
    moments         constructs and measures of a summary-statistics cohort, else None
    constructs      construct -> measure that stands for it here (None for people's columns that are not constructs)
    units           column -> unit, for measures and constructs
    design          cross_sectional, longitudinal, trial or summary
    sampling_frame  general, patients, ...: who could enter
    synthetic       True when simulated: every page, figure and file that shows it says so
    flow            steps from file to analysis
    findings        doubts about the data
    citation        where published moments come from, else ""
    roles           special columns of `people`: arm, visit, visit_day, cluster, site, person (a keyed hash of the id,
                    only where the yaml asks for it) -> name
    """

    name: str
    title: str
    people: pd.DataFrame | None
    moments: Moments | None
    constructs: Mapping[str, str]
    units: Mapping[str, str]
    design: Design
    sampling_frame: str
    synthetic: bool
    flow: tuple[FlowStep, ...] = ()
    findings: tuple[Finding, ...] = ()
    citation: str = ""
    roles: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def variables(self) -> tuple[str, ...]:
        """Names a model may use: constructs and measures."""
        if self.moments is not None:
            return self.moments.names
        assert self.people is not None
        return tuple(str(column) for column in self.people.columns)

    @property
    def n(self) -> int:
        """People in the cohort, complete or not."""
        if self.moments is not None:
            return self.moments.n
        assert self.people is not None
        return len(self.people)

    @property
    def visits(self) -> tuple[str, ...]:
        """Visits in order of time; empty where people came once."""
        return tuple(str(visit) for visit in self.extra.get("visits", ()))

    @property
    def plain(self) -> frozenset[str]:
        """Constructs and measures: names without a visit, however they end."""
        return frozenset((*self.constructs, *self.constructs.values()))

    @property
    def digest(self) -> str:
        """First 16 hex digits of the sha256 of names and values: equal tables have equal digests.

        Values are rounded to 9 significant digits first, so that a unit conversion written another way (inch or
        centimetre, comma or point) does not change it. Row order, column order and the key of hashed ids do not count.
        """
        if self.moments is not None:
            numbers = np.concatenate([self.moments.mean, self.moments.covariance.ravel(), [float(self.moments.n)]])
            text = ",".join(self.moments.names) + ";" + ",".join(f"{value:.9g}" for value in numbers)
        else:
            assert self.people is not None
            columns = sorted(str(column) for column in self.people.columns if column != self.roles.get("person"))
            rows = np.sort(row_marks([self.people[column] for column in columns]), axis=0)
            text = ",".join(columns) + "\n" + hashlib.sha256(np.ascontiguousarray(rows).tobytes()).hexdigest()
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def place_of_visit(name: str, visits: Sequence[str], plain: Collection[str] = ()) -> int:
    """At which visit a variable was measured: a name that ends in `_<visit>` at that one, any other at the first.

    visits  in order of time
    plain   names without a visit, however they end
    """
    if name in plain:
        return 0
    return next((place for place, visit in enumerate(visits) if name.endswith(f"_{visit}")), 0)


def row_marks(columns: list[pd.Series]) -> NDArray[np.void]:
    """One mark of 128 bits for each row, the same for rows with the same values wherever they stand."""
    n = len(columns[0]) if columns else 0
    marks = np.zeros((2, n), dtype=np.uint64)
    for column in columns:
        for lane, factor in enumerate((0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F)):
            mixed = (marks[lane] ^ _value_marks(column)) * np.uint64(factor)
            marks[lane] = mixed ^ (mixed >> np.uint64(29 + 3 * lane))
    both = np.empty(n, dtype=[("first", "<u8"), ("second", "<u8")])
    both["first"], both["second"] = marks
    return both


def _value_marks(column: pd.Series) -> NDArray[np.uint64]:
    """A mark for each value: text by its sha256, numbers by nine significant digits and the place of their point."""
    import pandas as pd  # here, so that planning a study does not load it

    if not pd.api.types.is_numeric_dtype(column):
        positions, words = pd.factorize(column)
        marks = [int.from_bytes(hashlib.sha256(str(word).encode()).digest()[:8], "little") for word in words]
        return np.array([*marks, 1], dtype=np.uint64)[positions]
    values = column.to_numpy(dtype=float, na_value=np.nan)
    missing = ~np.isfinite(values)
    size = np.where(missing | (values == 0), 1.0, np.abs(values))
    place = np.floor(np.log10(size)).astype(np.int64)
    digits = np.rint(values * 10.0 ** (8 - place), where=~missing, out=np.zeros(len(values)))
    place += np.abs(digits) >= 1e9  # 9.9999999996 is 10.0000000
    digits = np.where(np.abs(digits) >= 1e9, np.rint(digits / 10), digits)
    marks = digits.astype(np.int64).view(np.uint64) * np.uint64(0x100000001B3) + place.astype(np.int64).view(np.uint64)
    return np.where(missing, np.uint64(1), np.where(digits == 0, np.uint64(2), marks))
