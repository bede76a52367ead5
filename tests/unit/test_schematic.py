"""The drawing of the body: what its file may hold, and what is said about a mistake in it."""

import shutil
from pathlib import Path

import pytest
import yaml

from kinechain.errors import UserError
from kinechain.study import read_study

ROOT = Path(__file__).resolve().parents[2]


def mistakes(folder: Path, **changes: object) -> list[str]:
    shutil.copytree(ROOT / "config", folder / "config")
    file = folder / "config" / "schematic.yaml"
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    content["places"] |= changes
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    _, problems = read_study(folder)
    return [str(UserError(problem)) for problem in problems]


def test_the_default_drawing_has_no_mistake(tmp_path: Path) -> None:
    assert mistakes(tmp_path) == []


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ({"at": [0, 50], "zero": 0, "turn": 2, "arm": 9, "side": "left", "label": 9}, "turn"),
        ({"at": [0, 50], "zero": 0, "arm": 9, "side": "left", "label": 9}, "turn"),
        ({"at": [0, 50], "zero": 0, "turn": 1, "arm": 9, "side": "front", "label": 9}, "side"),
        ({"at": [0, 50], "zero": 0, "turn": 1, "arm": 9, "side": "left", "label": 9, "colour": "red"}, "colour"),
    ],
)
def test_a_wrong_place_is_told_with_its_key(tmp_path: Path, place: dict[str, object], said: str) -> None:
    found = mistakes(tmp_path, age_y=place)
    assert len(found) == 1
    assert "schematic.yaml" in found[0]
    assert said in found[0]


def test_a_place_that_is_no_measure_is_told_with_the_nearest_name(tmp_path: Path) -> None:
    place = {"at": [0, 50], "zero": 0, "turn": 1, "arm": 9, "side": "left", "label": 9}
    found = mistakes(tmp_path, age_yy=place)
    assert len(found) == 1
    assert "`age_y`" in found[0]
