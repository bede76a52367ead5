"""Reliability from the data: what repeats by the same or another rater say about a measure's error.

The intraclass correlation is pingouin's; standard error of measurement and smallest detectable change follow from the
within-unit variance. Where repeats exist they replace the dictionary's defaults.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from kinechain.measures import Dictionary, Reliability
from kinechain.numerics import Array

if TYPE_CHECKING:
    import pandas as pd

FEWEST_UNITS = 10
"""Fewer people with complete repeats say too little about reliability to replace a default."""


@dataclass(frozen=True, slots=True)
class Repeats:
    """Repeated readings of one measure.

    table  columns unit (a person at a visit), side, trial, rater, value; one row a reading
    """

    table: pd.DataFrame


@dataclass(frozen=True, slots=True)
class Agreement:
    """Bland and Altman's summary of two columns of readings of the same things.

    n           pairs
    bias        mean of second less first, in the measure's unit
    sd          standard deviation of the differences
    low, high   limits of agreement: bias ± 1.96 sd
    """

    n: int
    bias: float
    sd: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class RepeatReliability:
    """Reliability of one reading, from complete repeats.

    icc, low, high  intraclass correlation for absolute agreement of single readings (two-way random), 95 % interval
    sem             standard error of measurement of one reading, in the measure's unit
    mdc             smallest detectable change of one reading: 1.96 √2 sem
    n, k            units with complete repeats, and readings of each
    across          what was repeated: rater or trial
    """

    icc: float
    low: float
    high: float
    sem: float
    mdc: float
    n: int
    k: int
    across: str


def bland_altman(first: Array, second: Array) -> Agreement:
    """Agreement of paired readings, (n,) each; pairs with a missing reading do not count."""
    difference = second - first
    difference = difference[np.isfinite(difference)]
    bias, sd = float(difference.mean()), float(difference.std(ddof=1))
    return Agreement(len(difference), bias, sd, bias - 1.96 * sd, bias + 1.96 * sd)


def standard_error(readings: Array) -> float:
    """Standard error of measurement of one reading: root of the variance within units, raters' offsets included.

    readings  (n, k)  complete repeats
    """
    return float(np.sqrt(readings.var(axis=1, ddof=1).mean()))


def repeat_reliability(readings: Array, across: str) -> RepeatReliability:
    """Reliability of one reading from complete repeats, (n, k)."""
    import pandas as pd
    import pingouin

    n, k = readings.shape
    tall = pd.DataFrame(
        {
            "target": np.repeat(np.arange(n), k),
            "rater": np.tile(np.arange(k), n),
            "value": readings.ravel(),
        }
    )
    table = pingouin.intraclass_corr(tall, targets="target", raters="rater", ratings="value")
    row = table[table["Type"].isin(["ICC2", "ICC(A,1)"])].iloc[0]
    low, high = next(row[name] for name in ("CI95", "CI95%") if name in row.index)
    sem = standard_error(readings)
    return RepeatReliability(
        float(row["ICC"]), float(low), float(high), sem, 1.96 * float(np.sqrt(2)) * sem, n, k, across
    )


def complete_readings(repeats: Repeats, across: str) -> Array:
    """Readings of each unit and side by rater or by trial, complete rows only, (n, k)."""
    key = ["unit", "side"]
    mean = repeats.table.groupby([*key, across], sort=True)["value"].mean().unstack(across)
    return np.asarray(mean.dropna().to_numpy(dtype=float))


def reliability_from_repeats(repeats: Mapping[str, Repeats], dictionary: Dictionary) -> dict[str, Reliability]:
    """Reliability of each measure that was repeated often enough; between raters where there are several, else trials.

    The estimate is for one reading; a mean of k readings is more reliable.
    """
    found = {}
    for name, these in repeats.items():
        across = "rater" if these.table["rater"].nunique() > 1 else "trial"
        if name not in dictionary or these.table[across].nunique() < 2:
            continue
        readings = complete_readings(these, across)
        if len(readings) < FEWEST_UNITS or readings.shape[1] < 2:
            continue
        if not np.ptp(readings, axis=1).any():
            continue  # one reading copied onto several rows is no repeat
        result = repeat_reliability(readings, across)
        source = f"this cohort: {result.k} {across}s, n = {result.n}"
        reliability = Reliability(max(result.icc, 0.0), result.sem, result.mdc, source, result.low, result.high)
        if result.k == 2:
            pair = bland_altman(readings[:, 0], readings[:, 1])
            reliability = replace(reliability, bias=pair.bias, limits=(pair.low, pair.high))
        found[name] = reliability
    return found
