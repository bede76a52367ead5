"""Suspicion: what a trusted table would not show. Each is a finding with a count; nothing is ever mended here.

An error stops the study, a warning is printed, a note is kept.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from kinechain.cohort import Finding
from kinechain.layout import Layout
from kinechain.measures import Dictionary, Expectation, Identity, Measure
from kinechain.numerics import Array

FEWEST_PAIRS = 20
"""Fewer pairs say nothing about the sign of a correlation."""

FEWEST_VALUES = 40
"""Fewer values say nothing about their shape or their digits."""


def suspicions(
    values: Mapping[str, Array], layout: Layout, dictionary: Dictionary, given: Collection[str] = ()
) -> list[Finding]:
    """All suspicions about the canonical values of a cohort's units.

    given  measures that stand in the file themselves, not computed from others
    """
    quantities = {name: array for name, array in values.items() if name in dictionary and not dictionary[name].levels}
    found: list[Finding] = []
    for identity in dictionary.identities:
        found += check_identity(identity, values, dictionary)
    for expectation in dictionary.expectations:
        found += check_expectation(expectation, values, layout)
    for name, array in quantities.items():
        measure = dictionary[name]
        for check in (check_unit_mixture, check_decimal_slips, check_digits, check_ends):
            found += check(array, measure)
    for name in given:
        if name in quantities:
            found += check_scale(quantities[name], dictionary[name], dictionary)
    found += check_uniform_noise(quantities, dictionary)
    found += check_copied_people(quantities, layout)
    found += check_changes(values, layout, dictionary)
    return found


def check_identity(identity: Identity, values: Mapping[str, Array], dictionary: Dictionary) -> Iterator[Finding]:
    """Measures that must add up and do not; and whether one of them seems to have the opposite sign."""
    if not all(name in values for name in (identity.total, *identity.parts)):
        return
    total = values[identity.total]
    parts = np.array([values[name] for name in identity.parts])
    gap = np.abs(total - parts.sum(axis=0))
    seen = np.isfinite(gap)
    beyond, off = int((gap[seen] > identity.error_beyond).sum()), int((gap[seen] > identity.warn_beyond).sum())
    if not off:
        return
    unit = dictionary[identity.total].unit
    for index, name in enumerate(identity.parts):
        flipped = parts.copy()
        flipped[index] *= -1
        mended = np.abs(total - flipped.sum(axis=0))[seen] <= identity.warn_beyond
        if beyond and mended.mean() > 0.9:
            what = f"measurements in which {identity.name} fails, and holds with the sign of `{name}` turned"
            yield Finding(
                "error", name, what, off, "Name the other `convention` of its column; it is never turned here"
            )
            return
    level = "error" if beyond else "warning"
    limit, count = (identity.error_beyond, beyond) if beyond else (identity.warn_beyond, off)
    what = f"measurements in which {identity.name} is off by more than {limit:g} {unit}"
    yield Finding(level, identity.total, what, count, "Check the three columns: units, conventions, mixed-up people")  # type: ignore[arg-type]  # one of two literals


def check_expectation(expectation: Expectation, values: Mapping[str, Array], layout: Layout) -> Iterator[Finding]:
    """Two measures whose correlation is clearly of the sign that it cannot have, visit by visit.

    Each visit may have columns, and so conventions, of its own; the first that is wrong is told.
    """
    first, second = expectation.measures
    if first not in values or second not in values:
        return
    for number in range(max(1, len(layout.visits))):
        here = layout.visit == number if layout.visits else np.ones(layout.n_units, dtype=bool)
        r, n = _correlation(values[first][here], values[second][here])
        if n < FEWEST_PAIRS or not np.isfinite(r):
            continue
        # the far end of the 95 % interval (Fisher's z): a sign is opposite only where chance does not explain it
        far = np.tanh(np.arctanh(np.clip(r, -0.999999, 0.999999)) + expectation.sign * 1.96 / np.sqrt(n - 3))
        if far * expectation.sign < 0:
            shown = f"{r:.2f}".replace("-", "\N{MINUS SIGN}")
            when = f" at visit {layout.visits[number]}" if layout.visits else ""
            what = f"people in whom `{first}` and `{second}` correlate {shown}{when}, the opposite of what they must"
            remedy = f"Convention or unit suspected: {expectation.reason}"
            yield Finding(expectation.level, first, what, n, remedy)
            return


def _correlation(x: Array, y: Array) -> tuple[float, int]:
    both = np.isfinite(x) & np.isfinite(y)
    n = int(both.sum())
    if n < 4 or np.ptp(x[both]) == 0 or np.ptp(y[both]) == 0:
        return float("nan"), n
    return float(np.corrcoef(x[both], y[both])[0, 1]), n


UNIT_FACTORS = (
    (("cm", "mm"), 2.54, "inch and centimetre"),
    (("cm", "mm"), 10.0, "centimetre and millimetre"),
    (("cm",), 100.0, "metre and centimetre"),
    (("kg",), 2.2046, "kilogram and pound"),
    (("kPa",), 98.0665, "kg/cm2 and kPa"),
    (("kPa",), 6.8948, "lbf/in2 and kPa"),
    (("deg",), 57.2958, "radian and degree"),
    (("hour/day",), 60.0, "hour and minute"),
)
"""Canonical units, the ratio to another unit that ends up in the same column, and both in words."""


def check_unit_mixture(values: Array, measure: Measure) -> Iterator[Finding]:
    """Two clusters of values whose centres differ by the ratio of two units."""
    seen = _sample(values)
    if (seen < 0).any():
        return
    logs = np.sort(np.log(seen[seen > 0]))
    if len(logs) < FEWEST_VALUES:
        return
    gaps = np.diff(logs)
    low, high = int(0.05 * len(logs)), int(0.95 * len(logs)) - 1
    if high <= low:
        return
    cut = low + int(np.argmax(gaps[low:high]))
    lower, upper = logs[: cut + 1], logs[cut + 1 :]
    spread = max(lower.std(), upper.std(), 1e-6)
    distance = np.median(upper) - np.median(lower)
    if gaps[cut] < 0.25 * distance or distance < 4 * spread:
        return
    for units, factor, words in UNIT_FACTORS:
        if measure.unit in units and abs(distance - np.log(factor)) < 0.15:
            border = np.exp((lower[-1] + upper[0]) / 2)
            count = int(min((values < border).sum(), (values >= border).sum()))
            what = f"values of `{measure.name}` form a second group about {factor:g} times apart, as {words} do"
            yield Finding(
                "error", measure.name, what, count, "Two units in one column: mend the file, or split the column"
            )
            return


def check_decimal_slips(values: Array, measure: Measure) -> Iterator[Finding]:
    """Single values that are ten times away from all others and would fit without a shifted point."""
    shape = _sample(values)
    if len(shape) < FEWEST_VALUES or measure.hard is None:
        return
    centre = np.median(shape)
    spread = 1.4826 * np.median(np.abs(shape - centre))
    if spread <= 0 or centre <= 0 or np.percentile(shape, 2.5) < centre / 5:
        return
    seen = values[np.abs(values - centre) > 5 * spread]  # a missing value is not far from anything
    slipped = (np.abs(seen * 10 - centre) < 3 * spread) | (np.abs(seen / 10 - centre) < 3 * spread)
    count = int(slipped.sum())
    if count:
        what = f"values of `{measure.name}` are ten times away from the rest: a slipped decimal point?"
        yield Finding("warning", measure.name, what, count, "Look at them in the file; they stay in")


READ_OFF_AN_INSTRUMENT = ("deg", "cm", "mm", "kg", "kPa")
"""Units of readings a person writes down; scores and minutes have steps of their own."""


def check_digits(values: Array, measure: Measure) -> Iterator[Finding]:
    """Readings rounded to fives or tens although the scale has finer steps."""
    seen = _sample(values)
    if len(seen) < FEWEST_VALUES or measure.unit not in READ_OFF_AN_INSTRUMENT or np.ptp(seen) < 20:
        return
    whole = np.abs(seen - np.round(seen)) < 1e-9
    if whole.mean() < 0.95:
        return
    shares = {step: float((np.round(seen[whole]) % step == 0).mean()) for step in (5, 10)}
    step = max(shares, key=lambda step: shares[step] - 1 / step)
    share, chance = shares[step], 1 / step
    if share > chance + 4 * np.sqrt(chance * (1 - chance) / len(seen)) and share > 2 * chance:
        what = f"values of `{measure.name}` end on a multiple of {step}, far above the {chance:.0%} of chance"
        yield Finding("note", measure.name, what, int((values % step == 0).sum()), "Readings were rounded by hand")


def check_ends(values: Array, measure: Measure) -> Iterator[Finding]:
    """A scale on which many people stand at its lowest or highest value."""
    seen = values[np.isfinite(values)]
    if measure.hard is None or measure.unit not in ("points", "percent", "mm") or len(seen) < FEWEST_VALUES:
        return
    for end, word in zip(measure.hard, ("lowest", "highest"), strict=True):
        count = int((seen == end).sum())
        if count / len(seen) > 0.15:
            what = f"values of `{measure.name}` are the {word} there is, more than 15 % of all"
            yield Finding(
                "note", measure.name, what, count, "Linear models see less than there is; compare a rank-based check"
            )


def check_scale(values: Array, measure: Measure, dictionary: Dictionary) -> Iterator[Finding]:
    """A score that keeps to the range, or to the steps, of the same score on another scale.

    Which scale it is on is said in measures.yaml by a `linear` derivation without offset: one = factor x other.
    """
    seen = values[np.isfinite(values)]
    if len(seen) < FEWEST_PAIRS or measure.hard is None:
        return
    remedy = "Look at how the file scores it, and map it to the other if so; it is never rescaled here"
    for other in dictionary.measures.values():
        steps = _times(other, measure)
        if _times(measure, other) and other.hard and 0 < seen.max() <= other.hard[1]:
            what = f"values of `{measure.name}`, none above {other.hard[1]:g}, where `{other.name}` ends"
            yield Finding("warning", measure.name, what, len(seen), remedy)
        elif steps and steps % 1 == 0 and len(np.unique(seen)) >= 5 and (seen % steps == 0).all():
            what = f"values of `{measure.name}`, all multiples of {steps:g}: these are steps of `{other.name}`"
            yield Finding("warning", measure.name, what, len(seen), remedy)


def _times(one: Measure, two: Measure) -> float:
    """The factor above 1 that makes one of two without offset; 0 when there is none."""
    for way in one.derive:
        if way["kind"] == "linear" and way["of"] == two.name and way["factor"] > 1 and not way.get("offset"):
            return float(way["factor"])
    return 0.0


KOLMOGOROV_20 = 1.073
"""Kolmogorov's limit that a sample from the uniform distribution exceeds in 20 % of cases."""


def _sample(values: Array) -> Array:
    """The finite values, evenly thinned to some twenty thousand: enough to know a shape by."""
    seen = values[np.isfinite(values)]
    return seen[:: max(1, len(seen) // 20_000)]


def check_uniform_noise(values: Mapping[str, Array], dictionary: Dictionary) -> Iterator[Finding]:
    """Columns flat between two ends and unrelated to every other: numbers somebody generated."""
    for name, array in values.items():
        seen = _sample(array)
        if len(seen) < 100 or len(np.unique(seen)) < 0.5 * len(seen):
            continue
        share = np.sort((seen - seen.min()) / max(np.ptp(seen), 1e-300))
        steps = np.arange(len(share) + 1) / len(share)
        farthest = max((steps[1:] - share).max(), (share - steps[:-1]).max())
        flat = farthest * np.sqrt(len(share)) < KOLMOGOROV_20
        others = [other for other in values if other != name]
        if not flat or len(others) < 3:
            continue
        related = [abs(_correlation(array, values[other])[0]) for other in others]
        limit = 3.3 / np.sqrt(len(seen))
        if max(r for r in [*related, 0.0] if np.isfinite(r)) < limit:
            what = (
                f"values of `{name}` are spread evenly between its ends and unrelated to every other measure, "
                "as generated numbers are"
            )
            yield Finding("warning", name, what, len(seen), f"Find out where `{dictionary[name].label}` was measured")


def check_copied_people(values: Mapping[str, Array], layout: Layout) -> Iterator[Finding]:
    """People who agree with another to the last digit in every quantity they have, at least five of them."""
    if len(values) < 5 or not layout.n_units:
        return
    known = np.zeros(layout.n_units, dtype=np.int64)
    for column in values.values():
        known += np.isfinite(column)
    enough = known >= 5
    varied = [len(np.unique(seen)) >= 0.3 * len(seen) for column in values.values() if len(seen := _sample(column))]
    if sum(varied) < 3:
        return
    marks = _bit_marks(list(values.values()))[enough]
    people = layout.person[enough]
    order = np.argsort(marks, kind="stable")
    count = int(((np.diff(marks[order]) == 0) & (np.diff(people[order]) != 0)).sum())
    if count:
        what = "people have exactly the values of another person, to the last digit"
        yield Finding("warning", "", what, count, "Look for people entered twice")


def _bit_marks(columns: list[Array]) -> NDArray[np.uint64]:
    """A mark of 64 bits for each row, the same for rows with bitwise the same values; any missing value is the same."""
    marks = np.zeros(len(columns[0]), dtype=np.uint64)
    for column in columns:
        bits = np.where(np.isnan(column), np.nan, column + 0.0).view(np.uint64)  # one zero, one missing value
        marks = (marks ^ bits) * np.uint64(0x9E3779B97F4A7C15)
        marks ^= marks >> np.uint64(29)
    return marks


def check_changes(values: Mapping[str, Array], layout: Layout, dictionary: Dictionary) -> Iterator[Finding]:
    """Changes between visits that cannot happen: what is fixed changed, what only rises fell."""
    if not layout.visits:
        return
    order = np.lexsort((layout.visit, layout.person))
    person = layout.person[order]
    days = np.asarray(layout.roles.get("visit_day", np.full(layout.n_units, np.nan)), dtype=float)[order]
    for name, array in values.items():
        if name not in dictionary:
            continue
        ordered = array[order]
        known = np.isfinite(ordered)
        step, who = np.diff(ordered[known]), np.diff(person[known]) == 0
        if not dictionary[name].course:
            yield from _check_jumps(step[who], dictionary[name])
            continue
        if dictionary[name].unit == "year":
            too_far = int((who & (step > np.diff(days[known]) / DAYS_OF_YEAR + 1.0)).sum())
            if too_far:
                what = f"rises of `{name}` between visits by more years than passed between them"
                yield Finding("error", name, what, too_far, "Mend the file, or the days of the visits")
        if dictionary[name].course == "fixed":
            count = int((who & (step != 0)).sum())
            what, remedy = f"changes of `{name}` between visits, and it cannot change", "Mend the file"
        else:
            count = int((who & (step < 0)).sum())
            what, remedy = (
                f"falls of `{name}` between visits, and it can only rise",
                "Mend the file or the order of `visits`",
            )
        if count:
            yield Finding("error", name, what, count, remedy)


DAYS_OF_YEAR = 365.25
FARTHEST_CHANGE = 8.0
"""Robust standard deviations from the middle of all changes beyond which a change is called impossible: among normal
changes fewer than one in 10^14."""


def _check_jumps(steps: Array, measure: Measure) -> Iterator[Finding]:
    """Changes between visits far beyond all others, and beyond the measure's own error."""
    if len(steps) < FEWEST_VALUES or measure.levels:
        return
    centre = np.median(steps)
    spread = 1.4826 * np.median(np.abs(steps - centre))
    error = measure.reliability.sem if measure.reliability and measure.reliability.sem else 0.0
    limit = FARTHEST_CHANGE * max(float(spread), np.sqrt(2) * error)
    count = int((np.abs(steps - centre) > limit).sum()) if limit > 0 else 0
    if count:
        what = f"changes of `{measure.name}` between visits are far beyond all others"
        yield Finding("warning", measure.name, what, count, "Look at them in the file; they stay in")
