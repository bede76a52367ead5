"""Quality: what a reader must know about a cohort before believing a number. Findings, flow, codebook, missing values.

Everything here is ready to publish: small counts are masked, no value of a single person appears.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from kinechain.cohort import Cohort, Finding
from kinechain.disclosure import THRESHOLD, finding_words, masked_count, masked_counts, masked_flow
from kinechain.measures import Measure, Reliability

if TYPE_CHECKING:
    import pandas as pd

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
        "source": reliability.source if reliability else "",
        "mcid": measure.mcid,
        "mcid_source": measure.mcid_source,
    }


def describe(cohort: Cohort, *, threshold: int = THRESHOLD) -> dict[str, Any]:
    """The quality page of a cohort as plain values, counts below `threshold` masked."""
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
        "codebook": [_codebook_row(entry, cohort, threshold) for entry in cohort.extra.get("codebook", ())],
        "constructs": list(cohort.extra.get("constructs", ())),
        "missingness": _missingness(cohort, threshold),
    }


def _finding(finding: Finding, threshold: int) -> dict[str, Any]:
    shown = masked_count(finding.count, threshold)
    return {
        "level": finding.level,
        "measure": finding.measure,
        "column": finding.column,
        "what": finding_words(finding, threshold),
        "count": shown,
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


def _codebook_row(entry: Mapping[str, Any], cohort: Cohort, threshold: int) -> dict[str, Any]:
    name = str(entry["measure"])
    if cohort.moments is not None:
        index = cohort.moments.names.index(name)
        n = cohort.moments.n
        sd = float(np.sqrt(cohort.moments.covariance[index, index] * n / (n - 1)))
        return {**entry, "n": n, "missing": 0, "mean": float(cohort.moments.mean[index]), "sd": sd, "masked": False}
    assert cohort.people is not None
    values = cohort.people[name].to_numpy(dtype=float) if name in cohort.people else np.full(cohort.n, np.nan)
    seen = values[np.isfinite(values)]
    shown = masked_counts(
        {"n": len(seen), "missing": len(values) - len(seen)}, total_is_known=True, threshold=threshold
    )
    enough = len(seen) >= threshold
    return {
        **entry,
        **shown,
        "mean": float(seen.mean()) if enough else None,
        "sd": float(seen.std(ddof=1)) if enough and len(seen) > 1 else None,
        "masked": None in shown.values(),
    }


def analysed_columns(cohort: Cohort) -> list[str]:
    """Columns whose missing values matter: the constructs, or the measures where there are none."""
    assert cohort.people is not None
    names = list(cohort.constructs) or [str(entry["measure"]) for entry in cohort.extra.get("codebook", ())]
    return [name for name in names if name in cohort.people]


def _missingness(cohort: Cohort, threshold: int) -> dict[str, Any]:
    if cohort.people is None:
        return {"variables": {}, "patterns": [], "complete": cohort.n, "masked": False}
    names = analysed_columns(cohort)
    gone = cohort.people[names].isna()
    variables = {name: masked_count(int(gone[name].sum()), threshold) for name in names}
    patterns = missing_patterns(gone)
    shown = masked_counts(
        {str(index): count for index, (_, count) in enumerate(patterns)}, total_is_known=True, threshold=threshold
    )
    rows = [{"missing": list(missing), "count": shown[str(index)]} for index, (missing, _) in enumerate(patterns)]
    complete = int((~gone.any(axis=1)).sum())
    return {
        "variables": variables,
        "patterns": [{**row, "masked": row["count"] is None} for row in rows],
        "complete": masked_count(complete, threshold),
        "who": _who_is_missing(cohort, gone, threshold),
        "masked": None in variables.values() or None in shown.values(),
    }


def missing_patterns(gone: pd.DataFrame) -> list[tuple[tuple[str, ...], int]]:
    """Sets of variables that are missing together, with how many people; most frequent first, the rare ones joined.

    The rare ones share one row, told by the missing variable "several".
    """
    counts: dict[tuple[str, ...], int] = {}
    names = [str(column) for column in gone.columns]
    for row in gone.to_numpy(dtype=bool):
        key = tuple(name for name, missing in zip(names, row, strict=True) if missing)
        counts[key] = counts.get(key, 0) + 1
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    if len(ordered) <= MOST_PATTERNS:
        return ordered
    rest = sum(count for _, count in ordered[MOST_PATTERNS - 1 :])
    return [*ordered[: MOST_PATTERNS - 1], (("several",), rest)]


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
