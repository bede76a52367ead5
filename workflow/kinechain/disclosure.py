"""Small counts: masked in one place, with as many others as it takes that no sum gives them away."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from kinechain.cohort import Finding, FlowStep

THRESHOLD = 10
"""Counts from 1 to one below this are not shown, unless the study declares another threshold."""


def masked_count(count: int, threshold: int = THRESHOLD) -> int | None:
    """One count of people that is no part of a published sum: None from 1 to below `threshold`; 0 is shown."""
    return None if 0 < count < threshold else count


@dataclass(frozen=True, slots=True)
class Sum:
    """What a reader can add up: the parts together are the whole, or `known` people where no whole is named."""

    parts: tuple[str, ...]
    whole: str = ""
    known: int = 0

    @property
    def members(self) -> tuple[str, ...]:
        return (*self.parts, self.whole) if self.whole else self.parts


def masked_counts(
    counts: Mapping[str, int],
    sums: Sequence[Sum] = (),
    *,
    unpublished: Collection[str] = (),
    threshold: int = THRESHOLD,
) -> dict[str, int | None]:
    """Counts with the small ones as None, and with so many others as None that no reader can work the small ones out.

    counts       every count that is published or takes part in a sum
    sums         what readers know to add up
    unpublished  counts nobody is shown, which only take part in sums

    A small count is safe when everything shown leaves open a range of values that reaches the threshold and is half as
    wide. The range is found by linear programming; while a count is not safe, the smallest shown one near it goes too.
    Hundepool and others (2012), Statistical Disclosure Control, chapter 4: audit of secondary suppression.
    """
    hidden = {key for key, count in counts.items() if masked_count(count, threshold) is None} | set(unpublished)
    small = [key for key in counts if key in hidden and key not in unpublished]
    while small:
        exposed = next((key for key in small if not _is_safe(key, counts, sums, hidden, unpublished, threshold)), "")
        more = _next_to_hide(exposed, counts, sums, hidden) if exposed else ""
        if not more:
            break
        hidden.add(more)
    return {key: None if key in hidden else count for key, count in counts.items()}


def _next_to_hide(exposed: str, counts: Mapping[str, int], sums: Sequence[Sum], hidden: set[str]) -> str:
    """The smallest count still shown, of the sums nearest to the exposed one; "" when none is left.

    A count alone in its sum is hidden in name only, so those sums come first.
    """
    reached, near = {exposed}, [one for one in sums if exposed in one.members]
    while near:
        alone = [one for one in near if len(hidden.intersection(one.members)) == 1]
        for chosen in (alone, near):
            shown = {key for one in chosen for key in one.members if key not in hidden and counts[key]}
            if shown:
                return min(shown, key=lambda key: (counts[key], key))
        reached |= {key for one in near for key in one.members}
        farther = [one for one in sums if reached.intersection(one.members)]
        near = farther if len(farther) > len(near) else []
    return ""


ROUNDING = 1e-6
"""How exact the ends of a range are, of counts up to millions."""


def _is_safe(
    key: str,
    counts: Mapping[str, int],
    sums: Sequence[Sum],
    hidden: set[str],
    unpublished: Collection[str],
    threshold: int,
) -> bool:
    """Whether everything shown leaves this count a range that reaches the threshold and is half as wide."""
    unknown = sorted(hidden)
    place = {name: index for index, name in enumerate(unknown)}
    rows = [one for one in sums if hidden.intersection(one.members)]
    if not any(key in one.members for one in rows):
        return True
    from scipy.optimize import linprog

    left, right = np.zeros((len(rows), len(unknown))), np.zeros(len(rows))
    for row, one in enumerate(rows):
        right[row] = one.known
        for name, sign in (*((part, 1) for part in one.parts), *(((one.whole, -1),) if one.whole else ())):
            if name in place:
                left[row, place[name]] += sign
            else:
                right[row] -= sign * counts[name]
    bounds = [(0 if name in unpublished else 1, None) for name in unknown]  # a zero is shown, so what is hidden is none
    goal = np.zeros(len(unknown))
    goal[place[key]] = 1.0
    least, most = (linprog(sign * goal, A_eq=left, b_eq=right, bounds=bounds) for sign in (1, -1))
    low = -np.inf if least.fun is None else float(least.fun)
    high = np.inf if most.fun is None else -float(most.fun)
    return bool(high > threshold - 1 - ROUNDING and high - low > threshold / 2 - ROUNDING)


def masked_flow(flow: Sequence[FlowStep], threshold: int = THRESHOLD) -> tuple[FlowStep, ...]:
    """The flow with small removals joined to others, so that no difference of two published counts is small.

    A small removal is joined to the steps after it until enough is gone; what stays small at the end is joined to the
    last removal before it, or, when there is none, taken out of the start.
    """
    kept: list[FlowStep] = []
    waiting: FlowStep | None = None
    for step in flow:
        if waiting is not None and step.unit != waiting.unit:
            kept, waiting = _taken_back(kept, waiting, threshold), None
        if kept and step.unit != kept[-1].unit and 0 < kept[-1].left - step.left < threshold:
            # the two numbers side by side would tell how many rows a few people have too many
            again = FlowStep(
                f"more than one {kept[-1].unit.removesuffix('s')} of a person",
                kept[-1].left - step.left,
                step.left,
                kept[-1].unit,
            )
            kept = _taken_back(kept, again, threshold)
        joined = step if waiting is None else _joined(waiting, step)
        waiting = joined if 0 < joined.removed < threshold else None
        if waiting is None:
            kept.append(joined)
    return tuple(kept if waiting is None else _taken_back(kept, waiting, threshold))


def _joined(first: FlowStep, second: FlowStep) -> FlowStep:
    return replace(second, reason=f"{first.reason}; {second.reason}", removed=first.removed + second.removed)


def _taken_back(kept: list[FlowStep], small: FlowStep, threshold: int) -> list[FlowStep]:
    """The steps so far, with a small removal taken into the last removal of its unit or into the start."""
    mine = [index for index, step in enumerate(kept) if step.unit == small.unit]
    target = next((index for index in reversed(mine) if kept[index].removed), mine[0])
    before = kept[target]
    if before.removed:
        changed = _joined(before, small)
    else:
        changed = replace(before, reason=f"{before.reason}, without fewer than {threshold} ({small.reason})")
    after = [replace(step, left=small.left) if step.unit == small.unit else step for step in kept[target + 1 :]]
    return [*kept[:target], replace(changed, left=small.left), *after]


def finding_words(finding: Finding, threshold: int = THRESHOLD) -> str:
    """A finding as a clause: its count, or "fewer than 10", and what was seen."""
    if not finding.count:
        return finding.what
    shown = masked_count(finding.count, threshold)
    return f"{f'fewer than {threshold}' if shown is None else shown} {finding.what}"
