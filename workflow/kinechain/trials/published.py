"""A published course of arms over visits: means only, so that it can be described and nothing more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from kinechain.errors import Problem, raise_if_any


@dataclass(frozen=True, slots=True)
class Course:
    """Observed means of one outcome in one arm; higher is worse.

    n  people behind each mean: other people at each visit, unless nobody left
    """

    outcome: str
    arm: str
    visits: tuple[str, ...]
    mean: tuple[float, ...]
    n: tuple[int, ...]
    unit: str


@dataclass(frozen=True, slots=True)
class Description:
    """What a course of means shows by eye; no test, no cause, nobody's own course.

    largest_rise  greatest rise of the mean from any visit to any later one, 0 when it never rises
    fall          fall from the first to the last visit
    relapsed      whether the mean rose again by the difference that matters after having fallen by it
    """

    course: Course
    largest_rise: float
    fall: float
    keeps_falling: bool
    relapsed: bool
    sentence: str


def parse_courses(content: Mapping[str, Any], where: str) -> list[Course]:
    """Every course of a file with the right shape.

    Raises UserError for arms that are not declared and for lists that do not match the visits.
    """
    visits = tuple(content["visits"])
    courses, problems = [], []
    for outcome, table in content["outcomes"].items():
        for arm, numbers in table.items():
            if arm == "unit":
                continue
            if arm not in content["arms"]:
                problems.append(
                    Problem(where, f"`{arm}` under {outcome} is not among its arms", "Declare it in `arms`")
                )
            elif not len(numbers["mean"]) == len(numbers["n"]) == len(visits):
                problems.append(
                    Problem(where, f"`{arm}` under {outcome} has not one mean and one n a visit", "Complete the lists")
                )
            else:
                courses.append(Course(outcome, arm, visits, tuple(numbers["mean"]), tuple(numbers["n"]), table["unit"]))
    raise_if_any(problems)
    return courses


def describe_course(course: Course, mcid: float) -> Description:
    """What the means of one arm show.

    mcid  difference that matters, in the unit of the outcome
    """
    mean = course.mean
    largest_rise = max(0.0, *(later - before for k, before in enumerate(mean) for later in mean[k + 1 :]))
    fall = mean[0] - mean[-1]
    keeps_falling = all(later < before for before, later in pairwise(mean))
    gained = [k for k, value in enumerate(mean) if mean[0] - value >= mcid]
    relapsed = any(max(mean[k:]) - mean[k] >= mcid for k in gained)
    shown = ", ".join(f"{value:.1f}" for value in mean)
    way = "kept falling" if keeps_falling else f"fell and rose by at most {largest_rise:.1f}"
    verdict = "rose again by the difference that matters" if relapsed else "no relapse shows in the means"
    sentence = (
        f"{course.arm}: the mean {way}: {shown} {course.unit} over {len(mean)} visits (people seen: {course.n[0]} to "
        f"{course.n[-1]}); {verdict}. Descriptive only: other people stand behind each mean."
    )
    return Description(course, largest_rise, fall, keeps_falling, relapsed, sentence)
