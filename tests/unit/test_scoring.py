"""Scoring: the rules of sum scores and the geometry of landmarks."""

import numpy as np
import pytest

from kinechain import scoring
from kinechain.numerics import landmarks
from kinechain.numerics.landmarks import Point
from tests.tolerances import CLOSED_FORM

TEN = {"low": 0, "high": 5, "min_answered": 8, "out_of": 100}


def items(total: int, answered: int) -> np.ndarray:
    row = np.full(10, np.nan)
    row[:answered] = 0
    for position in range(total):
        row[position % answered] += 1
    return row[None, :]


def test_one_item_missing_is_prorated() -> None:
    assert scoring.sum_score(items(16, 9), **TEN)[0] == pytest.approx(35.555555555555, abs=CLOSED_FORM)


def test_prorating_equals_giving_each_missing_item_the_mean_of_the_rest() -> None:
    row = items(16, 9)
    filled = np.where(np.isnan(row), np.nanmean(row), row)
    assert scoring.sum_score(row, **TEN)[0] == pytest.approx(filled.sum() * 2, abs=CLOSED_FORM)


@pytest.mark.parametrize(("answered", "is_scored"), [(10, True), (8, True), (7, False), (0, False)])
def test_too_few_items_give_no_score(answered: int, is_scored: bool) -> None:
    row = items(min(answered, 4), answered) if answered else np.full((1, 10), np.nan)
    assert np.isfinite(scoring.sum_score(row, **TEN)[0]) == is_scored


def test_a_code_that_says_not_applicable_is_missing_and_never_a_value() -> None:
    way = {"item_range": [0, 5], "not_applicable": {"b": [6, 998]}}
    codes = {"a": np.array([6.0, 3.0]), "b": np.array([6.0, 998.0])}
    kept = scoring.answered_items(way, codes)
    assert np.isnan(kept["b"]).all()
    assert np.isnan(kept["a"]).tolist() == [True, False]  # 6 is no code of an item that always applies


def test_power_product_of_zero_is_missing() -> None:
    way = {"kind": "power_product", "powers": {"w": 1, "h": -2}, "factor": 10000}
    result = scoring.score(way, "x", {"w": np.array([70.0, 70.0]), "h": np.array([175.0, 0.0])})
    assert result[0] == pytest.approx(22.857142857142858, abs=CLOSED_FORM)
    assert np.isnan(result[1])


def point(a: float, u: float) -> Point:
    return Point(np.array([float(a)]), np.array([float(u)]))


def plate(slope: float) -> tuple[Point, Point]:
    angle = np.deg2rad(slope)
    return point(0, 0), point(np.cos(angle), np.sin(angle))


def test_elevation_of_the_line_to_the_ear() -> None:
    assert landmarks.elevation(point(0, 0), point(10, 10))[0] == pytest.approx(45.0)
    assert landmarks.elevation(point(0, 0), point(10, 0))[0] == 0


def test_elevation_backward() -> None:
    columns = {
        "front.a": np.array([150.0]),
        "front.u": np.array([76.0]),
        "rear.a": np.array([0.0]),
        "rear.u": np.array([100.0]),
    }
    way = {"kind": "elevation", "from": "front", "to": "rear", "horizontal": "backward"}
    assert scoring.score(way, "x", columns)[0] == pytest.approx(9.09, abs=0.005)


def test_plumb_lean() -> None:
    assert landmarks.plumb_lean(point(0, 0), point(-20, 90))[0] == pytest.approx(12.53, abs=0.005)


@pytest.mark.parametrize(("upper", "lower", "factor", "angle"), [(15, -40, 1, 55), (10, -25, 1, 35), (0, -18, 1, 18)])
def test_angle_between_plates(upper: float, lower: float, factor: int, angle: float) -> None:
    result = factor * (landmarks.plate_slope(*plate(upper)) - landmarks.plate_slope(*plate(lower)))
    assert result[0] == pytest.approx(angle)


def test_an_arch_of_index_15() -> None:
    arch = landmarks.arch(point(0, 100), point(-15, 50), point(0, 0))
    assert arch.index[0] == pytest.approx(0.15)
    assert arch.triangle_deg[0] == pytest.approx(33.4, abs=0.05)
    assert arch.arc_deg[0] == pytest.approx(66.8, abs=0.05)


def picture(points: np.ndarray, *, faces_right: bool, roll: float = 0.0, scale: float = 1.0) -> tuple[Point, Point]:
    """Two landmarks of a picture (x right, y down) in body axes."""
    one = np.array([1.0])
    made = [
        landmarks.body_axes(
            np.array([x]), np.array([y]), faces_right=one * faces_right, roll_deg=one * roll, scale=one * scale
        )
        for x, y in points
    ]
    return made[0], made[1]


@pytest.mark.parametrize("scale", [0.2, 1.0, 7.0])
@pytest.mark.parametrize("shift", [(0, 0), (300, -120)])
def test_angles_stay_under_shift_scale_and_mirror(scale: float, shift: tuple[int, int]) -> None:
    points = np.array([[100.0, 200.0], [150.0, 140.0]])
    plain = landmarks.elevation(*picture(points, faces_right=True))
    moved = landmarks.elevation(*picture(points * scale + shift, faces_right=True))
    mirrored = landmarks.elevation(*picture(points * [-1, 1] * scale + shift, faces_right=False))
    assert moved == pytest.approx(plain)
    assert mirrored == pytest.approx(plain)


def test_roll_is_taken_out() -> None:
    roll = 3.0
    turn = np.deg2rad(roll)
    points = np.array([[0.0, 0.0], [10.0, 10.0]])  # right and up, level
    turned = points @ np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    plumb = np.array([[0.0, 1.0], [0.0, 0.0]]) @ np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    down = [1, -1]
    ends = [np.array([value]) for value in (plumb[0] * down).tolist() + (plumb[1] * down).tolist()]
    measured = landmarks.roll_from_plumb(*ends)
    assert measured[0] == pytest.approx(roll)
    level = landmarks.elevation(*picture(turned * down, faces_right=True, roll=float(measured[0])))
    assert level[0] == pytest.approx(45.0)
