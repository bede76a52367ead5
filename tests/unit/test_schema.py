from pathlib import Path
from typing import Any

import pytest
import yaml

from kinechain.io import read_yaml
from kinechain.schema import SCHEMAS, check_shape

GOOD: dict[str, Any] = {
    "study": {"title": "t", "objective": "o"},
    "cohorts": ["a"],
    "models": ["M"],
    "inference": {"seed": 1, "draws": 1000},
}


def said(tmp_path: Path, change: dict[str, Any]) -> list[str]:
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump({**GOOD, **change}, sort_keys=False))
    return [str(problem) for problem in check_shape(read_yaml(path), "config", path, shown="config/config.yaml")]


def test_a_good_file_has_no_problem(tmp_path: Path) -> None:
    assert said(tmp_path, {}) == []


def test_an_unknown_key_names_the_closest(tmp_path: Path) -> None:
    lines = said(tmp_path, {"inference": {"seed": 1, "draws": 1000, "levle": 0.9}})
    assert lines == ["config/config.yaml:11:3: unknown key `levle` in inference. Did you mean `level`?"]


def test_a_missing_key_says_what_it_is_for(tmp_path: Path) -> None:
    lines = said(tmp_path, {"inference": {"draws": 1000}})
    assert lines == [
        "config/config.yaml:8:1: inference lacks the key `seed`. Add `seed:` (One seed for everything random.)."
    ]


def test_a_wrong_type_says_the_right_one(tmp_path: Path) -> None:
    lines = said(tmp_path, {"inference": {"seed": "now", "draws": 1000}})
    assert lines == ["config/config.yaml:9:3: inference.seed = `now` has the wrong type. Write a whole number."]


def test_an_unknown_option_offers_the_known(tmp_path: Path) -> None:
    lines = said(tmp_path, {"inference": {"seed": 1, "draws": 1000, "interval": "percentle"}})
    assert lines == [
        "config/config.yaml:11:3: inference.interval = `percentle` is not known. Did you mean `percentile`?"
    ]


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    assert len(said(tmp_path, {"inference": {"draws": "many", "sed": 1}, "modles": []})) == 4


def objects(node: Any) -> list[dict[str, Any]]:
    found = [node] if isinstance(node, dict) and node.get("type") == "object" else []
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else []
    return found + [item for child in children for item in objects(child)]


@pytest.mark.parametrize("path", sorted(SCHEMAS.glob("*.schema.yaml")), ids=lambda path: path.name)
def test_every_schema_refuses_unknown_keys_and_describes_the_known(path: Path) -> None:
    for node in objects(read_yaml(path)):
        closed = {"additionalProperties", "unevaluatedProperties", "propertyNames", "oneOf", "anyOf", "allOf"}
        assert closed & node.keys(), f"an object of {path.name} takes any key"
        for key, value in node.get("properties", {}).items():
            assert "description" in value or "$ref" in value, f"{path.name}: {key} is not described"
