"""The published course of a trial: described, never judged."""

from pathlib import Path

import pytest

from kinechain.errors import UserError
from kinechain.io import read_yaml
from kinechain.schema import check_shape
from kinechain.trials.published import Course, describe_course, parse_courses

FILE = Path(__file__).resolve().parents[2] / "data" / "published" / "radiculopathy_trial.yaml"


def courses() -> dict[tuple[str, str], Course]:
    content = read_yaml(FILE)
    assert check_shape(content, "course", FILE) == []
    return {(course.outcome, course.arm): course for course in parse_courses(content, FILE.name)}


def test_the_neck_arm_shows_no_relapse_in_its_means() -> None:
    found = describe_course(courses()["neck_vas_mm", "training"], 15.0)
    assert found.keeps_falling
    assert not found.relapsed
    assert found.sentence == (
        "training: the mean kept falling: 43.2, 34.3, 33.6, 28.1, 26.5 mm over 5 visits (people seen: 57 to 36); no "
        "relapse shows in the means. Descriptive only: other people stand behind each mean."
    )


def test_the_other_arm_falls_with_a_rise_between() -> None:
    found = describe_course(courses()["neck_vas_mm", "activity"], 15.0)
    assert not found.keeps_falling
    assert found.largest_rise == pytest.approx(3.0)
    assert found.fall == pytest.approx(12.6)


def test_a_mean_that_comes_back_is_a_relapse() -> None:
    back = Course("pain", "arm", ("a", "b", "c"), (40.0, 20.0, 38.0), (50, 45, 40), "mm")
    assert describe_course(back, 15.0).relapsed
    assert not describe_course(back, 19.0).relapsed


def test_a_list_too_short_is_told() -> None:
    content = read_yaml(FILE)
    content["outcomes"]["neck_vas_mm"]["training"]["n"] = [57]
    content["outcomes"]["neck_vas_mm"]["other"] = {"mean": [1.0], "n": [2]}
    with pytest.raises(UserError) as raised:
        parse_courses(content, "file.yaml")
    assert [str(problem) for problem in raised.value.problems] == [
        "file.yaml: `training` under neck_vas_mm has not one mean and one n a visit. Complete the lists.",
        "file.yaml: `other` under neck_vas_mm is not among its arms. Declare it in `arms`.",
    ]
