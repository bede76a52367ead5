"""From a file's rows to a cohort: one row a person, canonical measures first, constructs in problem space after them.

Every step that takes rows or people away is counted, and every doubt is a finding; errors among them stop the study.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kinechain.cohort import Cohort, Finding, FlowStep
from kinechain.cohort_spec import CohortSpec, Column, picture_columns
from kinechain.errors import Problem, closest, raise_if_any
from kinechain.harmonise import canonical_values, read_numbers
from kinechain.layout import Layout, lay_out
from kinechain.measures import Dictionary, Measure, Reliability, word_of
from kinechain.numerics import Array, landmarks
from kinechain.quality import codebook_entry
from kinechain.raw_table import RawTable
from kinechain.reliability import Repeats, reliability_from_repeats
from kinechain.scoring import KINDS, score
from kinechain.suspicion import suspicions

Mask = NDArray[np.bool_]
_SEPARATORS = {";": "semicolon-", "\t": "tab-", "|": "bar-", ",": "comma-"}
SIDES = ("left", "right")


@dataclass(frozen=True, slots=True)
class Units:
    """Canonical values of each unit (a person at a visit).

    layout  which unit is whom and when
    values  column of canonical values -> (m,)
    extra   side columns of a measure (left, right, asym, worst, side_imputed) -> (m,)
    """

    layout: Layout
    values: Mapping[str, Array]
    extra: Mapping[str, Array] = field(default_factory=dict)


def build_cohort(
    spec: CohortSpec,
    dictionary: Dictionary,
    raw: RawTable,
    *,
    key: bytes = b"",
) -> Cohort:
    """The cohort that a file's rows make.

    raw  the file's rows; columns as the file heads them, at least those the spec names. Its frame is used up

    key  with which the columns in spec.hashed are hashed

    Raises UserError when a column the spec names is not there or the file has no row. All other mistakes are findings
    of level error: the cohort can be looked at, and must not be analysed.
    """
    frame = raw.frame
    raise_if_any(_missing_columns(spec, frame, raw.header, spec.file))
    flow = [FlowStep("rows in the file", 0, len(frame), "rows")]
    findings: list[Finding] = [*raw.findings]
    spec = _with_value_labels(spec, dictionary, raw, findings)
    frame = _eligible(spec, dictionary, frame, flow, findings)
    decimal, thousands = spec.read.get("decimal", "."), spec.read.get("thousands", "")
    rows: dict[str, Array] = {}
    kept = {*spec.structure.values(), *spec.visit_days.values(), *spec.visit_dates.values(), *raw.row_keys}
    kept |= {spec.landmarks[key] for key in picture_columns(spec.landmarks)}
    for column in spec.columns:
        # a large file is held once: what has been read is let go
        series = frame[column.name] if column.name in kept else frame.pop(column.name)
        rows[column.name], found = canonical_values(series, column, dictionary, decimal=decimal, thousands=thousands)
        findings += found
    blank = np.all([np.isnan(values) for values in rows.values()], axis=0)
    if blank.any():
        left = len(frame) - int(blank.sum())
        flow.append(FlowStep("no value in any column that is read", int(blank.sum()), left, "rows"))
    layout, found = lay_out(spec, frame, dictionary, blank, raw.row_keys, key)
    findings += found
    findings += _filled_twice(spec, rows, layout, raw.row_keys)
    nobody = int(((layout.unit < 0) & ~blank).sum())
    apart = layout.n_people == int((layout.unit >= 0).sum())
    joined = FlowStep("each row is one person" if apart else "rows of one person joined", 0, layout.n_people, "people")
    if nobody:
        flow.append(FlowStep("rows that belong to no person or visit", nobody, int((layout.unit >= 0).sum()), "rows"))
    flow.append(joined)
    points, found = _body_points(spec, dictionary, frame, rows)
    findings += found
    units = _gather(spec, dictionary, rows, points, layout, findings)
    units = _derive(spec, dictionary, units, findings)
    repeats = _repeats(spec, dictionary, rows, layout)
    reliability = reliability_from_repeats(repeats, dictionary)
    given = {column.measure for column in spec.columns if column.measure and not column.item}
    findings += suspicions(units.values, layout, dictionary, given)
    people = _people_table(spec, dictionary, units)
    findings += _column_findings(spec, people, {one.measure for one in findings if one.level == "error"})
    for construct, side in spec.sides.items():
        what = f"construct `{construct}` is the {side} side alone, as the yaml says"
        findings.append(Finding("note", spec.constructs[construct], what, 0))
    visits = list(layout.visits)
    return Cohort(
        name=spec.name,
        title=spec.title,
        people=people,
        moments=None,
        constructs=dict(spec.constructs),
        units=_units_of(spec, dictionary, people),
        design=spec.design,
        sampling_frame=spec.sampling_frame,
        synthetic=spec.synthetic,
        flow=tuple(flow),
        findings=ranked(findings),
        citation=spec.citation,
        roles={role: role for role in ("person", "arm", "cluster", "site") if role in people.columns},
        extra={
            "codebook": _codebook(spec, dictionary, reliability),
            "constructs": construct_entries(spec.constructs, dictionary, spec.sides),
            **({"visits": visits} if visits else {}),
            **(
                {"arms": list(dict.fromkeys(spec.arms.values())) or _levels_of(people, "arm")}
                if "arm" in people
                else {}
            ),
        },
    )


def _with_value_labels(spec: CohortSpec, dictionary: Dictionary, raw: RawTable, findings: list[Finding]) -> CohortSpec:
    """The spec with categories explained by the file's own labels, where the yaml explains none of a column's codes.

    Codes of the yaml hold against labels of the file; that they differ is a finding.
    """
    columns = []
    for column in spec.columns:
        labels = raw.value_labels.get(column.name, {})
        measure = dictionary.measures.get(column.measure)
        if labels and measure and measure.levels and not column.item:
            words = {word_of(code): measure.words.get(word_of(label)) for code, label in labels.items()}
            codes = {code: measure.levels[level] for code, level in words.items() if level is not None}
            against = [code for code, number in codes.items() if column.codes.get(code, number) != number]
            if against:
                count = int(raw.frame[column.name].map(word_of, na_action="ignore").isin(against).sum())
                what = f"values of column `{column.name}` mean another level by `codes` than by the file's own labels"
                remedy = "The yaml holds; write under `notes` how you know that the labels are wrong"
                findings.append(Finding("warning", measure.name, what, count, remedy, column.name))
            columns.append(column if column.codes else replace(column, codes=codes))
        else:
            columns.append(column)
    return replace(spec, columns=tuple(columns))


def ranked(findings: list[Finding]) -> tuple[Finding, ...]:
    """Findings, worst first: by level, those about the whole file first, then by how many values they touch."""
    order = {"error": 0, "warning": 1, "note": 2}
    return tuple(sorted(findings, key=lambda one: (order[one.level], one.count > 0, -one.count)))


def _missing_columns(spec: CohortSpec, frame: pd.DataFrame, header: tuple[str, ...], shown: str) -> Iterator[Problem]:
    there = [str(column) for column in frame.columns]
    if len(there) == 1 and len(spec.wanted) > 1 and there[0] not in spec.wanted:
        other = next((word for mark, word in _SEPARATORS.items() if mark in there[0]), "otherwise ")
        what = f"looks {other}separated (1 column found, {len(spec.wanted)} expected)"
        yield Problem(shown, what, "Take `separator` out of `read`, or write the file's own")
        return
    for name in spec.wanted:
        if there.count(name) == 0:
            yield Problem(shown, f"there is no column `{name}`", _closest_column(name, header or there, spec))
        elif there.count(name) > 1:
            yield Problem(
                shown, f"{there.count(name)} columns are headed `{name}`", "Give each column a name of its own"
            )
    if not len(frame) and there:
        yield Problem(shown, "the file has no row of data", "Check `header_row` and that the file is the right one")


def _closest_column(name: str, header: Sequence[str], spec: CohortSpec) -> str:
    free = [other for other in header if other not in spec.wanted][:2000]
    remedy = closest(name, free) if free else ""
    return remedy if remedy.startswith("Did you mean") else "Check `header_row` and that the file is the right one"


def _eligible(
    spec: CohortSpec, dictionary: Dictionary, frame: pd.DataFrame, flow: list[FlowStep], findings: list[Finding]
) -> pd.DataFrame:
    """Rows that meet every condition of the yaml; each condition is one step of the flow."""
    for rule in spec.eligibility:
        keep = _meets(rule, frame[rule["column"]], dictionary)
        removed = int((~keep).sum())
        mistyped = int((_nearly_meets(rule, frame[rule["column"]]) & ~keep).sum())
        if mistyped:
            what = f"rows do not meet the condition on column `{rule['column']}` and look as if its word was mistyped"
            remedy = "If they belong, list their word under `one_of` too, or mend the file"
            findings.append(Finding("warning", "", what, mistyped, remedy, str(rule["column"])))
        frame = frame.loc[keep]
        flow.append(FlowStep(f"condition not met: {rule['reason']}", removed, len(frame), "rows"))
        if not len(frame):
            what = f"rows, none of which meets the condition on column `{rule['column']}`"
            findings.append(Finding("error", "", what, removed, "Check `eligibility`", str(rule["column"])))
            break
    return frame


def _meets(rule: Mapping[str, Any], series: pd.Series, dictionary: Dictionary) -> Mask:
    words = series.map(word_of, na_action="ignore").to_numpy(dtype=object)
    missing: Mask = np.array(
        [not isinstance(word, str) or word in dictionary.missing_words for word in words], dtype=bool
    )
    if "equals" in rule:
        wanted = word_of(rule["equals"])
        meets: Mask = np.array([word == wanted for word in words], dtype=bool)
        return np.logical_and(meets, ~missing)
    for key, inside in (("one_of", True), ("none_of", False)):
        if key in rule:
            listed = {word_of(value) for value in rule[key]}
            meets = np.array([(word in listed) == inside for word in words], dtype=bool)
            return np.logical_and(meets, ~missing)
    if "present" in rule:
        return ~missing
    values = read_numbers(series, missing_words=dictionary.missing_words).values
    with np.errstate(invalid="ignore"):
        if "at_least" in rule:
            return np.asarray(values >= float(rule["at_least"]))
        return np.asarray(values <= float(rule["at_most"]))


LIKE_THE_WORD = 0.8
"""Likeness of two words, by difflib, from which one may be the other mistyped."""


MOST_WORDS = 500
"""A condition on categories meets few words; of a column with more, the first are compared."""


def _nearly_meets(rule: Mapping[str, Any], series: pd.Series) -> Mask:
    """Rows whose word differs from one that a condition names by a letter or so; a digit is never a slip."""
    listed = [word_of(value) for value in rule.get("one_of", [rule["equals"]] if "equals" in rule else [])]
    words = series.map(word_of, na_action="ignore")
    near = {
        word
        for word in words.dropna().unique()[:MOST_WORDS]
        if word not in listed
        for meant in get_close_matches(word, listed, cutoff=LIKE_THE_WORD)
        if abs(len(word) - len(meant)) <= 1 and re.findall(r"\d", word) == re.findall(r"\d", meant)
    }
    return np.asarray(words.isin(near).to_numpy(dtype=bool))


def _body_points(
    spec: CohortSpec, dictionary: Dictionary, frame: pd.DataFrame, rows: Mapping[str, Array]
) -> tuple[dict[str, dict[str, Array]], tuple[Finding, ...]]:
    """Landmarks in body axes, one value a row: each picture has its own facing, roll and scale.

    Given by visit, "" where columns say none: a file with one row a person may hold a picture of each visit.
    """
    taken = [column for column in spec.columns if column.landmark]
    if not taken or not spec.landmarks:
        return {}, ()
    points: dict[str, dict[str, Array]] = {}
    findings: list[Finding] = []
    for visit in dict.fromkeys(column.visit for column in taken):
        pixels = {column.target: rows[column.name] for column in taken if column.visit in ("", visit)}
        points[visit], found = _points_of_picture(spec, dictionary, frame, pixels)
        findings += (one for one in found if one not in findings)
    return points, tuple(findings)


def _points_of_picture(
    spec: CohortSpec, dictionary: Dictionary, frame: pd.DataFrame, pixels: Mapping[str, Array]
) -> tuple[dict[str, Array], tuple[Finding, ...]]:
    """Landmarks of one picture of each row in body axes."""
    names = sorted({target.rpartition(".")[0] for target in pixels})
    n = len(frame)

    def setting(key: str, default: float) -> Array:
        value = spec.landmarks.get(key, default)
        if isinstance(value, str):
            return read_numbers(frame[value], missing_words=dictionary.missing_words).values
        return np.full(n, float(value))

    facing = spec.landmarks["facing"]
    findings: list[Finding] = []
    if facing in SIDES:
        faces_right = np.full(n, float(facing == "right"))
    else:
        sides = frame[facing].map(lambda value: dictionary.sides.get(word_of(value), ""))
        faces_right = sides.map({"right": 1.0, "left": 0.0}).to_numpy(dtype=float, na_value=np.nan)
        unknown = int(np.isnan(faces_right).sum())
        if unknown:
            what = f"pictures do not say in column `{facing}` which way the person faces"
            findings.append(Finding("error", "", what, unknown, "Write left or right", facing))
    roll = setting("roll_deg", 0.0)
    if "plumb" in spec.landmarks:
        top, bottom = spec.landmarks["plumb"]
        ends = [f"{point}.{axis}" for point in (top, bottom) for axis in ("x", "y")]
        roll = landmarks.roll_from_plumb(*(pixels.get(end, np.full(n, np.nan)) for end in ends))
    turned = int((np.abs(roll) > MAX_ROLL_DEG).sum())
    if turned:
        what = f"pictures are rolled by more than {MAX_ROLL_DEG:g} degrees: they lie on their side"
        findings.append(Finding("error", "", what, turned, "Turn the pictures upright and take the landmarks again"))
    points: dict[str, Array] = {}
    for name in names:
        if f"{name}.x" not in pixels or f"{name}.y" not in pixels:
            continue
        point = landmarks.body_axes(
            pixels[f"{name}.x"],
            pixels[f"{name}.y"],
            faces_right=faces_right,
            roll_deg=roll,
            scale=setting("mm_per_px", 1.0),
        )
        known = np.isfinite(faces_right)
        points[f"{name}.a"] = np.where(known, point.a, np.nan)
        points[f"{name}.u"] = point.u
    return points, tuple(findings)


MAX_ROLL_DEG = 30.0
"""A picture turned further than this was not held upright; landmarks read off it name the wrong directions."""


def _gather(
    spec: CohortSpec,
    dictionary: Dictionary,
    rows: Mapping[str, Array],
    points: Mapping[str, Mapping[str, Array]],
    layout: Layout,
    findings: list[Finding],
) -> Units:
    """One value a unit: the mean of repeats and raters within a side, then of the sides."""
    values: dict[str, Array] = {}
    extra: dict[str, Array] = {}
    by_target: dict[str, list[Column]] = {}
    for column in spec.columns:
        if not column.landmark:
            by_target.setdefault(column.target, []).append(column)
    for target, columns in by_target.items():
        measure = dictionary[columns[0].measure]
        by_side = {side: _unit_values(columns, side, rows, layout, measure) for side in ("", *SIDES)}
        found = {side: array for side, array in by_side.items() if array is not None}
        measured = {side: array for side, array in found.items() if np.isfinite(array).any()}
        found = measured or found  # a side nobody was measured on is no side
        if measure.levels and "." not in target:
            findings += _level_conflicts(target, columns, rows, layout)
        if "left" in found and "right" in found:
            values[target], extra_columns = combine_sides(found["left"], found["right"], measure)
            if "affected_side" in layout.roles:
                affected = [layout.roles["affected_side"] == side for side in SIDES]
                extra_columns["affected"] = np.select(affected, [found[side] for side in SIDES], np.nan)
            extra |= {f"{target}_{name}": array for name, array in extra_columns.items()}
            findings += _side_findings(target, extra_columns["side_imputed"])
        else:
            nowhere = np.full(layout.n_units, np.nan)  # no row says a side that is known
            values[target] = next(iter(found.values()), nowhere)
    for name, way in spec.derivations:
        pictures = {visit: taken for visit, taken in points.items() if all(key in taken for key in _inputs(way, name))}
        if pictures:
            values[name] = _mean_by_unit(
                [
                    (score(way, name, taken), layout.unit >= 0, layout.visits.index(visit) if visit else -1)
                    for visit, taken in pictures.items()
                ],
                layout,
            )
    return Units(layout, values, extra)


def _inputs(way: Mapping[str, object], name: str) -> tuple[str, ...]:
    return KINDS[str(way["kind"])].inputs(way, name)


def _unit_values(
    columns: list[Column], side: str, rows: Mapping[str, Array], layout: Layout, measure: Measure
) -> Array | None:
    """Mean over the columns and rows of one side; None where nothing belongs to that side."""
    parts: list[tuple[Array, Mask, int]] = []
    row_sides = layout.facets.get("side")
    for column in columns:
        visit = layout.visits.index(column.visit) if column.visit and column.visit in layout.visits else -1
        if row_sides is not None and measure.two_sided and not column.side and not column.item:
            if side:
                parts.append((rows[column.name], np.asarray(row_sides == side, dtype=bool), visit))
        elif column.side == side:
            parts.append((rows[column.name], np.ones(len(rows[column.name]), dtype=bool), visit))
    parts = [part for part in parts if part[1].any()]
    return _mean_by_unit(parts, layout) if parts else None


def _mean_by_unit(parts: list[tuple[Array, Mask, int]], layout: Layout) -> Array:
    """Mean of row values in each unit.

    parts  (values of rows, rows that count, visit they belong to or -1 for the row's own, or for every visit)
    """
    m = layout.n_units
    if len(parts) == 1 and parts[0][1].all() and np.array_equal(layout.unit, np.arange(m)):
        return parts[0][0]  # one row a person, one column: nothing to average
    total, count = np.zeros(m), np.zeros(m)
    width = len(layout.visits) if layout.per_column_visits else 1
    for values, chosen, visit in parts:
        ok = chosen & np.isfinite(values) & (layout.unit >= 0)
        for offset in [visit] if visit >= 0 and layout.per_column_visits else range(width):
            unit = layout.unit[ok] + offset
            total += np.bincount(unit, weights=values[ok], minlength=m)
            count += np.bincount(unit, minlength=m)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def combine_sides(left: Array, right: Array, measure: Measure) -> tuple[Array, dict[str, Array]]:
    """Mean of two sides, the other side standing in where one is missing; and the columns that tell what was done.

    left, right  (m,)  canonical values; missing is NaN
    returns      (m,)  the mean, and left, right, side_imputed (1 where one side stood in), asym (right - left) and,
                 for a measure with a direction, worst (the side with more of the construct)
    """
    has_left, has_right = np.isfinite(left), np.isfinite(right)
    both = has_left & has_right
    mean = np.where(both, (left + right) / 2, np.where(has_left, left, right))
    imputed = np.where(has_left | has_right, (has_left != has_right).astype(float), np.nan)
    extra = {"left": left, "right": right, "side_imputed": imputed, "asym": right - left}
    if measure.orientation:
        worse = np.fmax if measure.orientation > 0 else np.fmin
        extra["worst"] = worse(left, right)
    return mean, extra


def _side_findings(target: str, imputed: Array) -> Iterator[Finding]:
    count = int(np.nansum(imputed))
    if count:
        what = f"values come from one side, as the other is missing (`{target}_side_imputed` marks them)"
        yield Finding("note", target, what, count)


def _level_conflicts(
    target: str, columns: list[Column], rows: Mapping[str, Array], layout: Layout
) -> Iterator[Finding]:
    """Units whose rows disagree about a category."""
    low, high = np.full(layout.n_units, np.inf), np.full(layout.n_units, -np.inf)
    for column in columns:
        if column.visit:
            continue
        ok = (layout.unit >= 0) & np.isfinite(rows[column.name])
        np.minimum.at(low, layout.unit[ok], rows[column.name][ok])
        np.maximum.at(high, layout.unit[ok], rows[column.name][ok])
    count = int((high > low).sum())
    if count:
        what = f"people whose rows disagree about `{target}`"
        yield Finding("error", target, what, count, "Mend the file: one person, one value", columns[0].name)


def _derive(spec: CohortSpec, dictionary: Dictionary, units: Units, findings: list[Finding]) -> Units:
    """Scores and derived measures, in the order of the spec; their ranges are checked like any other."""
    values = dict(units.values)
    for name, way in spec.derivations:
        measure = dictionary[name]
        if name not in values:
            values[name] = score(way, name, values)
            findings += _score_findings(way, name, values)
        values[name] = _derived_in_range(values[name], measure, findings)
    return Units(units.layout, values, units.extra)


def _score_findings(way: Mapping[str, object], name: str, values: Mapping[str, Array]) -> Iterator[Finding]:
    if way["kind"] != "sum_score":
        return
    items = [values[key] for key in _inputs(way, name) if key in values]
    answered = np.isfinite(values[name])
    started = np.any([np.isfinite(item) for item in items], axis=0)
    unscored = int((started & ~answered).sum())
    if unscored:
        what = f"questionnaires without `{name}`, as fewer than {way['min_answered']} items were answered"
        yield Finding("note", name, what, unscored)
    absent = len(_inputs(way, name)) - len(items)
    if absent:
        what = f"items of `{name}` have no column: every score is prorated from the rest"
        yield Finding("warning", name, what, absent, "Map the other items with `item:`")


def _derived_in_range(values: Array, measure: Measure, findings: list[Finding]) -> Array:
    if measure.hard is None:
        return values
    low, high = measure.hard
    with np.errstate(invalid="ignore"):
        outside = (values < low) | (values > high)
    count = int(outside.sum())
    if count:
        what = (
            f"values of `{measure.name}`, which is computed from others, lie outside {low:g} to {high:g} {measure.unit}"
        )
        remedy = "Check units, conventions and, for pictures, facing and rotation of what it is computed from"
        findings.append(Finding("error", measure.name, what, count, remedy))
    return np.where(outside, np.nan, values)


def _repeats(spec: CohortSpec, dictionary: Dictionary, rows: Mapping[str, Array], layout: Layout) -> dict[str, Repeats]:
    """Repeated readings of each measure, by side, repeat and rater, where the file has them."""
    gathered: dict[str, list[pd.DataFrame]] = {}
    facets = layout.facets
    for column in spec.columns:
        if not column.measure or column.item or dictionary[column.measure].levels:
            continue
        if not (column.trial or column.rater or "trial" in facets or "rater" in facets):
            continue
        ok = (layout.unit >= 0) & np.isfinite(rows[column.name])
        visit = layout.visits.index(column.visit) if column.visit in layout.visits else 0
        gathered.setdefault(column.measure, []).append(
            pd.DataFrame(
                {
                    "unit": layout.unit[ok] + visit,
                    **{
                        role: facets[role][ok]
                        if role in facets and not getattr(column, role)
                        else getattr(column, role)
                        for role in ("side", "trial", "rater")
                    },
                    "value": rows[column.name][ok],
                }
            )
        )
    return {name: Repeats(pd.concat(parts, ignore_index=True)) for name, parts in gathered.items()}


def _people_table(spec: CohortSpec, dictionary: Dictionary, units: Units) -> pd.DataFrame:
    """One row a person: roles, measures in the dictionary's order with their side columns, then constructs.

    With visits, a column stands once for each visit that has a value (`name_visit`), and plainly for the first visit.
    """
    measured = {name: units.values[name] for name in dictionary.measures if name in units.values}
    columns: dict[str, Array] = {}
    for name, values in measured.items():
        columns[name] = values
        columns |= {
            key: array for key, array in units.extra.items() if key.startswith(f"{name}_") and _is_side(key, name)
        }
    layout = units.layout
    if "visit_day" in layout.roles:
        columns["visit_day"] = np.asarray(layout.roles["visit_day"], dtype=float)
    for construct, measure in spec.constructs.items():
        side = f"{measure}_{spec.sides.get(construct, 'mean')}"
        columns[construct] = dictionary[measure].oriented(units.extra.get(side, measured[measure]))
    people: dict[str, object] = {
        role: _of_first_unit(np.asarray(layout.roles[role]), layout)
        for role in ("person", "arm", "site", "cluster")
        if role in layout.roles
    }
    for name, values in columns.items():
        for label, array in _by_visit(name, values, layout):
            people[label] = array
    if spec.design == "trial" and "arm" in people:
        words = np.asarray(people["arm"])
        for arm in dict.fromkeys(spec.arms.values()) or sorted({str(word) for word in words if word != ""}):
            people[re.sub(r"\W+", "_", f"arm_{arm}")] = np.where(words == "", np.nan, (words == arm).astype(float))
    return pd.DataFrame(people, copy=False)


def _is_side(key: str, measure: str) -> bool:
    return key.removeprefix(f"{measure}_") in ("left", "right", "side_imputed", "asym", "affected", "worst")


def _of_first_unit(values: NDArray[np.generic], layout: Layout) -> NDArray[np.generic]:
    _, first = np.unique(layout.person, return_index=True)
    return values[first]


def _by_visit(name: str, values: Array, layout: Layout) -> Iterator[tuple[str, Array]]:
    people, position = np.unique(layout.person, return_inverse=True)
    if not layout.visits:
        yield name, values
        return
    table = np.full((len(layout.visits), len(people)), np.nan)
    table[layout.visit, position] = values
    first, there = table[0], np.isfinite(table)
    later = [
        index
        for index in range(1, len(table))
        if there[index].any() and not np.array_equal(table[index][there[index]], first[there[index]])
    ]
    if there[0].any() or not later:
        yield name, first
    for index in [0, *later] if there[0].any() and later else later:
        yield f"{name}_{layout.visits[index]}", table[index]


def _filled_twice(
    spec: CohortSpec, rows: Mapping[str, Array], layout: Layout, row_keys: tuple[str, ...]
) -> Iterator[Finding]:
    """Fields that a person filled in on several rows which nothing but the export's own keys tells apart."""
    if not row_keys:
        return
    facets = pd.DataFrame({"unit": layout.unit, **dict(layout.facets)})
    for column in spec.columns:
        there = (layout.unit >= 0) & np.isfinite(rows[column.name])
        again = int(facets.loc[there].duplicated().sum())
        if again:
            what = f"values of column `{column.name}` stand on a second row of the same person"
            remedy = "Say what tells the rows apart (`visit:`, `trial:`), or choose rows with `read: {events: [...]}`"
            yield Finding("error", column.measure, what, again, remedy, column.name)


def _column_findings(spec: CohortSpec, people: pd.DataFrame, refused: set[str]) -> Iterator[Finding]:
    """Columns without any value, and columns where everybody has the same one.

    refused  measures with an error of their own, which may be why no value is left
    """
    used = set(spec.constructs.values())
    for name in spec.measured:
        if name not in people:
            continue
        column = people[name].to_numpy(dtype=float)
        values = column[np.isfinite(column)]
        level = "error" if name in used else "warning"
        mapped = [column.name for column in spec.columns if column.measure == name]
        file_column = mapped[0] if len(mapped) == 1 else ""
        if not len(values):
            if name in refused:
                continue
            yield Finding(level, name, f"`{name}` has no value in any row", 0, "Map another column", file_column)  # type: ignore[arg-type]  # one of two literals
        elif len(people) > 1 and values.min() == values.max():
            what = f"people, all with the same value: `{name}` is constant"
            remedy = "Leave it out of `constructs`, or check the column"
            yield Finding(level, name, what, len(values), remedy, file_column)  # type: ignore[arg-type]


def _units_of(spec: CohortSpec, dictionary: Dictionary, people: pd.DataFrame) -> dict[str, str]:
    """Unit of every column that holds a measure or a construct, at any visit."""
    known = {name: measure.unit for name, measure in dictionary.measures.items()}
    known |= {construct: dictionary[measure].unit for construct, measure in spec.constructs.items()}
    units = {}
    for column in people.columns:
        base = max((name for name in known if column == name or column.startswith(f"{name}_")), key=len, default="")
        if base and not column.endswith("side_imputed"):
            units[str(column)] = known[base]
    return units


def construct_entries(
    constructs: Mapping[str, str], dictionary: Dictionary, sides: Mapping[str, str] | None = None
) -> list[dict[str, str]]:
    """Words of the constructs a cohort has, in body order from bottom to top."""
    return [
        {
            "name": name,
            "label": item.label,
            "short": item.short,
            "role": item.role,
            "meaning": item.meaning,
            "measure": constructs[name],
            "side": (sides or {}).get(name, ""),
        }
        for name, item in dictionary.constructs.items()
        if name in constructs
    ]


def _codebook(
    spec: CohortSpec, dictionary: Dictionary, reliability: Mapping[str, Reliability]
) -> list[dict[str, object]]:
    derived = {name: str(way["kind"]) for name, way in spec.derivations}
    by_measure: dict[str, list[Column]] = {}
    for column in spec.columns:
        by_measure.setdefault(column.measure, []).append(column)
    return [
        codebook_entry(
            dictionary[name],
            columns=tuple(column.name for column in by_measure.get(name, ())),
            convention=", ".join(
                sorted({column.convention for column in by_measure.get(name, ()) if column.convention})
            ),
            file_unit=", ".join(sorted({column.unit for column in by_measure.get(name, ()) if not column.item})),
            construct=next((construct for construct, measure in spec.constructs.items() if measure == name), ""),
            derived=derived.get(name, ""),
            reliability=reliability.get(name, dictionary[name].reliability),
        )
        for name in dictionary.measures
        if name in spec.measured
    ]


def _levels_of(people: pd.DataFrame, column: str) -> list[str]:
    return sorted({str(value) for value in people[column] if value != ""})
