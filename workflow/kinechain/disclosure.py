"""Small counts: masked in one place, with a second count masked where a sum would give the first away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from kinechain.cohort import Finding, FlowStep

THRESHOLD = 10
"""Counts from 1 to one below this are not shown, unless the study declares another threshold."""


def masked_count(count: int, threshold: int = THRESHOLD) -> int | None:
    """One count that is no part of a published sum: None when it is small."""
    return None if 0 < count < threshold else count


def masked_counts(
    counts: Mapping[str, int], *, total_is_known: bool, threshold: int = THRESHOLD
) -> dict[str, int | None]:
    """Counts of the parts of one whole, small ones as None.

    total_is_known  True when readers see the sum of the parts: a single masked count could then be found by
                    subtraction, so the smallest count shown besides zero is masked as well
    """
    shown = {key: masked_count(count, threshold) for key, count in counts.items()}
    hidden = [key for key, count in shown.items() if count is None]
    if total_is_known and len(hidden) == 1:
        others = sorted((count, key) for key, count in counts.items() if count >= threshold)
        if others:
            shown[others[0][1]] = None
    return shown


def masked_flow(flow: Sequence[FlowStep], threshold: int = THRESHOLD) -> tuple[FlowStep, ...]:
    """The flow with small removals joined to others, so that no difference of two published counts is small.

    A small removal is joined to the steps after it until enough is gone; what stays small at the end is joined to the
    last removal before it, or, when there is none, taken out of the start.
    """
    kept: list[FlowStep] = []
    waiting: FlowStep | None = None
    for step in flow:
        if waiting is not None and step.unit != waiting.unit:
            kept, waiting = _taken_back(kept, waiting), None
        joined = step if waiting is None else _joined(waiting, step)
        waiting = joined if 0 < joined.removed < threshold else None
        if waiting is None:
            kept.append(joined)
    return tuple(kept if waiting is None else _taken_back(kept, waiting))


def _joined(first: FlowStep, second: FlowStep) -> FlowStep:
    return replace(second, reason=f"{first.reason}; {second.reason}", removed=first.removed + second.removed)


def _taken_back(kept: list[FlowStep], small: FlowStep) -> list[FlowStep]:
    """The steps so far, with a small removal taken into the last removal of its unit or into the start."""
    mine = [index for index, step in enumerate(kept) if step.unit == small.unit]
    target = next((index for index in reversed(mine) if kept[index].removed), mine[0])
    before = kept[target]
    changed = (
        _joined(before, small) if before.removed else replace(before, reason=f"{before.reason}, less: {small.reason}")
    )
    after = [replace(step, left=small.left) if step.unit == small.unit else step for step in kept[target + 1 :]]
    return [*kept[:target], replace(changed, left=small.left), *after]


def finding_words(finding: Finding, threshold: int = THRESHOLD) -> str:
    """A finding as a clause: its count, or "fewer than 10", and what was seen."""
    if not finding.count:
        return finding.what
    shown = masked_count(finding.count, threshold)
    return f"{f'fewer than {threshold}' if shown is None else shown} {finding.what}"
