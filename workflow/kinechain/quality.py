"""Quality: what a reader must know about a cohort before believing a number. Findings, flow, codebook, missing values.

Everything here is ready to publish: small counts are masked, no value of a single person appears.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from kinechain.cohort import Cohort, Finding
from kinechain.disclosure import THRESHOLD, Sum, finding_words, masked_count, masked_counts, masked_flow
from kinechain.measures import Measure, Reliability

if TYPE_CHECKING:
    import pandas as pd

PUBLISHED_DECIMALS = 15
"""Decimals of a mean that gives nothing away: all of them."""

MOST_PATTERNS = 12
"""Missingness patterns shown one by one; the rest are counted together."""


def codebook_entry(
    measure: Measure,
    *,
    columns: tuple[str, ...],
    convention: str,
    file_unit: str,
    construct: str,
    derived: str,
    reliability: Reliability | None,
) -> dict[str, Any]:
    """What the codebook says about a measure before any number: meaning, source and range."""
    return {
        "measure": measure.name,
        "label": measure.label,
        "columns": list(columns),
        "unit": measure.unit,
        "file_unit": file_unit,
        "convention": convention or next(iter(measure.conventions), ""),
        "orientation": measure.orientation,
        "construct": construct,
        "derived": derived,
        "instrument": measure.instrument,
        "hard": list(measure.hard) if measure.hard else None,
        "soft": list(measure.soft) if measure.soft else None,
        "reliability": reliability.value if reliability else None,
        "reliability_low": reliability.low if reliability else None,
        "reliability_high": reliability.high if reliability else None,
        "sem": reliability.sem if reliability else None,
        "mdc": reliability.mdc if reliability else None,
        "bias": reliability.bias if reliability else None,
        "limits": list(reliability.limits) if reliability and reliability.limits else None,
        "source": reliability.source if reliability else "",
        "mcid": measure.mcid,
        "mcid_source": measure.mcid_source,
    }


def describe(cohort: Cohort, *, threshold: int = THRESHOLD) -> dict[str, Any]:
    """The quality page of a cohort as plain values, counts below `threshold` masked."""
    gaps = Gaps.of(cohort, threshold)
    return {
        "cohort": cohort.name,
        "title": cohort.title,
        "synthetic": cohort.synthetic,
        "design": cohort.design,
        "sampling_frame": cohort.sampling_frame,
        "citation": cohort.citation,
        "digest": cohort.digest,
        "n": cohort.n,
        "threshold": threshold,
        "findings": [_finding(finding, threshold) for finding in cohort.findings],
        "flow": _flow(cohort, threshold),
        "codebook": [_codebook_row(entry, cohort, gaps, threshold) for entry in cohort.extra.get("codebook", ())],
        "constructs": list(cohort.extra.get("constructs", ())),
        "missingness": _missingness(cohort, gaps, threshold),
    }


def _finding(finding: Finding, threshold: int) -> dict[str, Any]:
    shown = masked_count(finding.count, threshold)
    about_all = finding.count == 0
    return {
        "level": finding.level,
        "measure": finding.measure,
        "column": finding.column,
        "what": finding_words(finding, threshold),
        "count": None if about_all else shown,
        "masked": shown is None,
        "remedy": finding.remedy,
    }


def _flow(cohort: Cohort, threshold: int) -> list[dict[str, Any]]:
    steps = []
    for step in masked_flow(cohort.flow, threshold):
        removed = masked_count(step.removed, threshold)
        steps.append(
            {
                "reason": step.reason,
                "removed": removed,
                "left": step.left,
                "unit": step.unit,
                "masked": removed is None,
            }
        )
    return steps


@dataclass(frozen=True, slots=True)
class Gaps:
    """How many people have and lack each column, and which columns they lack together; small counts as None.

    missing, have  column -> count, for the analysed columns and all measures
    patterns       sets of analysed columns missing together, complete first, with their counts
    """

    missing: Mapping[str, int | None]
    have: Mapping[str, int | None]
    patterns: tuple[tuple[tuple[str, ...], int | None], ...]

    @classmethod
    def of(cls, cohort: Cohort, threshold: int) -> Gaps:
        """The gaps of a cohort, masked together: the page shows sums of them in several places."""
        if cohort.people is None:
            return cls({}, {}, ())
        analysed = analysed_columns(cohort)
        measures = [str(entry["measure"]) for entry in cohort.extra.get("codebook", ())]
        gone = {name: cohort.people[name].isna().to_numpy() for name in (*analysed, *measures) if name in cohort.people}
        same: dict[bytes, str] = {}
        cell = {name: same.setdefault(mask.tobytes(), name) for name, mask in gone.items()}  # one gap, many names
        counts: dict[str, int] = {}
        sums: list[Sum] = []
        for name in same.values():
            count = int(gone[name].sum())
            counts |= {f"missing {name}": count, f"have {name}": cohort.n - count}
            sums.append(Sum((f"missing {name}", f"have {name}"), known=cohort.n))
        patterns = missing_patterns(cohort.people[analysed].isna())
        keys = {missing: f"pattern {index}" for index, (missing, _) in enumerate(patterns)}
        counts |= {keys[missing]: count for missing, count in patterns}
        sums.append(Sum(tuple(keys.values()), known=cohort.n))
        rest: set[str] = set()
        for name in dict.fromkeys(cell[name] for name in analysed):
            parts = [keys[missing] for missing in keys if name in missing]
            if (SEVERAL,) in keys:  # how many of the joined patterns hold this column is not shown
                inside, outside = f"in {name}", f"out {name}"
                counts[inside] = counts[f"missing {name}"] - sum(counts[part] for part in parts)
                counts[outside] = counts[keys[SEVERAL,]] - counts[inside]
                sums.append(Sum((inside, outside), whole=keys[SEVERAL,]))
                rest |= {inside, outside}
                parts.append(inside)
            sums.append(Sum(tuple(parts), whole=f"missing {name}"))
        shown = masked_counts(counts, sums, unpublished=rest, threshold=threshold)
        return cls(
            {name: shown[f"missing {cell[name]}"] for name in gone},
            {name: shown[f"have {cell[name]}"] for name in gone},
            tuple((missing, shown[key]) for missing, key in keys.items()),
        )


def _codebook_row(entry: Mapping[str, Any], cohort: Cohort, gaps: Gaps, threshold: int) -> dict[str, Any]:
    name = str(entry["measure"])
    if cohort.moments is not None:
        index = cohort.moments.names.index(name)
        n = cohort.moments.n
        sd = float(np.sqrt(cohort.moments.covariance[index, index] * n / (n - 1)))
        return {**entry, "n": n, "missing": 0, "mean": float(cohort.moments.mean[index]), "sd": sd, "masked": False}
    assert cohort.people is not None
    values = cohort.people[name].to_numpy(dtype=float) if name in cohort.people else np.full(cohort.n, np.nan)
    seen = values[np.isfinite(values)]
    shown = {"n": gaps.have.get(name, 0), "missing": gaps.missing.get(name, cohort.n)}
    enough, masked = len(seen) >= threshold, None in shown.values()
    # a mean of whole numbers tells how many they are, unless it is rounded to what one person more or less would change
    digits = int(np.log10(max(1, len(seen)))) if masked else PUBLISHED_DECIMALS
    return {
        **entry,
        **shown,
        "mean": round(float(seen.mean()), digits) if enough else None,
        "sd": round(float(seen.std(ddof=1)), digits) if enough and len(seen) > 1 else None,
        "masked": masked,
    }


def analysed_columns(cohort: Cohort) -> list[str]:
    """Columns whose missing values matter: the constructs, or the measures where there are none."""
    assert cohort.people is not None
    names = list(cohort.constructs) or [str(entry["measure"]) for entry in cohort.extra.get("codebook", ())]
    return [name for name in names if name in cohort.people]


def _missingness(cohort: Cohort, gaps: Gaps, threshold: int) -> dict[str, Any]:
    if cohort.people is None:
        return {"variables": {}, "patterns": [], "complete": cohort.n, "masked": False}
    names = analysed_columns(cohort)
    variables = {name: gaps.missing[name] for name in names}
    rows = [{"missing": list(missing), "count": count, "masked": count is None} for missing, count in gaps.patterns]
    return {
        "variables": variables,
        "patterns": rows,
        "complete": dict(gaps.patterns).get((), 0),
        "who": _who_is_missing(cohort, cohort.people[names].isna(), threshold),
        "masked": None in variables.values() or any(row["masked"] for row in rows),
    }


SEVERAL = "several"
"""What stands for the variables of rare patterns that share a row."""


def missing_patterns(gone: pd.DataFrame) -> list[tuple[tuple[str, ...], int]]:
    """Sets of variables that are missing together, with how many people: none first, then the most frequent.

    The rare ones share one row, told by the missing variable "several".
    """
    names = np.array([str(column) for column in gone.columns], dtype=object)
    bits = np.packbits(gone.to_numpy(dtype=bool), axis=1)
    rows = np.ascontiguousarray(bits).view(f"V{max(1, bits.shape[1])}").ravel() if len(names) else np.zeros(0, "V1")
    _, first, counts = np.unique(rows, return_index=True, return_counts=True)
    lacking = gone.to_numpy(dtype=bool)[first]
    found = [(tuple(names[missing]), int(count)) for missing, count in zip(lacking, counts, strict=True)]
    ordered = sorted(found, key=lambda item: (bool(item[0]), -item[1], item[0]))
    if len(ordered) <= MOST_PATTERNS:
        return ordered
    rest = sum(count for _, count in ordered[MOST_PATTERNS - 1 :])
    return [*ordered[: MOST_PATTERNS - 1], ((SEVERAL,), rest)]


def _who_is_missing(cohort: Cohort, gone: pd.DataFrame, threshold: int) -> list[dict[str, Any]]:
    """For each variable with enough gaps: in which other variables those with and without a value differ.

    Difference of means over the pooled standard deviation; only between groups of at least the threshold.
    """
    assert cohort.people is not None
    found = []
    for name in gone.columns:
        absent = gone[name].to_numpy(dtype=bool)
        if min(absent.sum(), (~absent).sum()) < threshold:
            continue
        for other in gone.columns:
            values = cohort.people[other].to_numpy(dtype=float)
            with_gap, without = values[absent & np.isfinite(values)], values[~absent & np.isfinite(values)]
            if other == name or min(len(with_gap), len(without)) < threshold:
                continue
            pooled = np.sqrt((with_gap.var(ddof=1) + without.var(ddof=1)) / 2)
            if pooled > 0:
                difference = float((with_gap.mean() - without.mean()) / pooled)
                found.append({"missing": str(name), "variable": str(other), "difference": difference})
    return sorted(found, key=lambda row: -abs(float(str(row["difference"]))))[:MOST_PATTERNS]
