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
    """The flow with small removals joined to the next one, so that no difference of two counts is small.

    A step that removes nobody stays as it is. Where the last removals stay small together they are joined to the one
    before them; where all removals together are small, they are joined into one step that must not be published as a
    number (`masked_count` hides it) and whose count before it is left out.
    """
    kept: list[FlowStep] = []
    waiting: FlowStep | None = None
    for next_step in flow:
        step = next_step
        if waiting is not None and step.unit == waiting.unit and step.removed:
            step = _joined(waiting, step)
            waiting = None
        if 0 < step.removed < threshold:
            waiting = step
            continue
        if waiting is not None:
            kept = _fold(kept, waiting)
            waiting = None
        kept.append(step)
    return tuple(kept if waiting is None else _fold(kept, waiting))


def _joined(first: FlowStep, second: FlowStep) -> FlowStep:
    reason = f"{first.reason}; {second.reason}"
    return replace(second, reason=reason, removed=first.removed + second.removed)


def _fold(kept: list[FlowStep], small: FlowStep) -> list[FlowStep]:
    """The steps so far with a small removal taken into the removal before it, or into the start of the flow."""
    for index in range(len(kept) - 1, -1, -1):
        if kept[index].unit == small.unit and (kept[index].removed or index == 0):
            before = kept[index]
            joined = (
                _joined(before, small)
                if before.removed
                else replace(small, reason=f"{before.reason}, without: {small.reason}", removed=0)
            )
            return [*kept[:index], replace(joined, left=small.left), *kept[index + 1 :]]
    return [*kept, small]


def finding_words(finding: Finding, threshold: int = THRESHOLD) -> str:
    """A finding as a clause: its count, or "fewer than 10", and what was seen."""
    if not finding.count:
        return finding.what
    shown = masked_count(finding.count, threshold)
    return f"{f'fewer than {threshold}' if shown is None else shown} {finding.what}"
