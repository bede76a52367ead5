"""What verify says of each difference: whether it matters, and what changed it."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from kinechain.errors import UserError
from kinechain.io import write_table
from kinechain.manifest import parse_manifest, seal
from kinechain.verification import (
    Changes,
    Line,
    Status,
    Verification,
    compare_drawn,
    compare_inputs,
    compare_made,
    compare_published,
    find_changes,
)
from kinechain.verify import differing_cells, furthest_value

INPUTS = ["config/config.yaml", "data/people.csv"]
EFFECTS, FOREST, PAGE, RAW = (
    "reports/clinic/tables/effects.csv",
    "reports/clinic/figures/forest.svg",
    "reports/clinic/report.html",
    "data/derived/clinic/draws/M.parquet",
)
QUALITY = "reports/clinic/quality.json"


def entry(tier: str, maker: str = "", digit: str = "0") -> dict[str, Any]:
    return {"tier": tier, "sha256": digit * 64, "made_by": maker, "inputs": INPUTS if maker else []}


@pytest.fixture
def committed() -> dict[str, Any]:
    return {
        "environment": {"python": "3.11", "system": "Linux x86_64", "packages": {"numpy": "2.4.6"}},
        "code": {"build_cohort": "aa", "draw_effects": "bb", "write_report": "cc", "templates": "dd"},
        "inference": {"seed": 1, "draws": 1000},
        "meanings": {"config/config.yaml": "ee"},
        "files": {
            **{name: entry("input") for name in INPUTS},
            QUALITY: entry("number", "build_cohort"),
            EFFECTS: entry("number", "write_report"),
            FOREST: entry("picture", "draw_figures"),
            PAGE: entry("page", "write_report"),
            RAW: entry("raw", "draw_effects"),
        },
        "drawn": {"clinic/M/y~x": [0.5, 0.3, 0.7, 0.01, 0.01]},
        "verdicts": {"clinic/C01": "supported"},
    }


def altered(manifest: dict[str, Any], *names: str) -> dict[str, Any]:
    again = copy.deepcopy(manifest)
    for name in names:
        again["files"][name]["sha256"] = "1" * 64
    return again


def line_of(lines: list[Any], name: str) -> Any:
    (found,) = [line for line in lines if line.name == name]
    return found


def test_nothing_changed_is_reproduced(committed: dict[str, Any]) -> None:
    changes = find_changes(committed, committed)
    lines = [
        *compare_inputs(committed, committed, changes),
        *compare_made(committed, committed, changes),
        *compare_drawn(committed, committed, changes),
    ]
    assert changes == Changes()
    assert {line.status for line in lines} == {Status.SAME}
    assert Verification("it", changes, tuple(lines), True).is_reproduced


def test_edited_data_explain_everything_made_from_them(committed: dict[str, Any]) -> None:
    again = altered(committed, "data/people.csv", QUALITY, EFFECTS, RAW)
    changes = find_changes(committed, again)
    assert changes.sentences() == ["data: data/people.csv"]
    assert line_of(compare_inputs(committed, again, changes), "data/people.csv").status is Status.DIFFERS
    for line in compare_made(committed, again, changes):
        if line.status is not Status.SAME:
            assert line.causes == ("data",)
    assert line_of(compare_made(committed, again, changes), QUALITY).status is Status.DIFFERS


def test_edited_config_is_told_from_a_comment(committed: dict[str, Any]) -> None:
    comment = altered(committed, "config/config.yaml")
    changes = find_changes(committed, comment)
    assert changes.sentences() == ["comments or spacing only, no meaning: config/config.yaml"]
    assert line_of(compare_inputs(committed, comment, changes), "config/config.yaml").status is Status.ADVISORY
    comment["meanings"]["config/config.yaml"] = "ff"
    comment["inference"]["draws"] = 500
    changes = find_changes(committed, comment)
    assert changes.sentences() == ["config: config/config.yaml, inference.draws 1000 there, 500 here"]
    line = line_of(compare_inputs(committed, comment, changes), "config/config.yaml")
    assert (line.status, line.causes) == (Status.DIFFERS, ("config",))


def test_code_explains_what_comes_after_it_and_nothing_before(committed: dict[str, Any]) -> None:
    again = altered(committed, QUALITY, EFFECTS)
    again["code"]["draw_effects"] = "changed"
    changes = find_changes(committed, again)
    lines = compare_made(committed, again, changes)
    assert changes.sentences() == ["code: draw_effects"]
    assert line_of(lines, EFFECTS).causes == ("code",)
    assert line_of(lines, QUALITY).causes == ("unexplained",)
    assert line_of(lines, QUALITY).status is Status.DIFFERS


def test_another_package_is_named_and_pages_and_pictures_become_advisory(committed: dict[str, Any]) -> None:
    again = altered(committed, FOREST, PAGE)
    again["environment"]["packages"]["numpy"] = "2.5.0"
    changes = find_changes(committed, again)
    lines = compare_made(committed, again, changes)
    assert changes.sentences() == ["environment: numpy 2.4.6 there, 2.5.0 here"]
    assert {line_of(lines, name).status for name in (FOREST, PAGE)} == {Status.ADVISORY}
    assert line_of(compare_made(committed, altered(again, EFFECTS), changes), EFFECTS).status is Status.DIFFERS


@pytest.mark.parametrize(
    ("limits", "status"),
    [
        ([0.5, 0.32, 0.69, 0.01, 0.01], Status.WITHIN),
        ([0.5, 0.2, 0.69, 0.01, 0.01], Status.DIFFERS),
        ([0.51, 0.3, 0.7, 0.01, 0.01], Status.DIFFERS),
        ([0.5, None, 0.7, None, 0.01], Status.DIFFERS),
    ],
)
def test_another_seed_may_move_limits_by_their_monte_carlo_error_only(
    committed: dict[str, Any], limits: list[float | None], status: Status
) -> None:
    again = altered(committed, EFFECTS, RAW)
    again["inference"]["seed"] = 2
    again["drawn"]["clinic/M/y~x"] = limits
    changes = find_changes(committed, again)
    drawn = line_of(compare_drawn(committed, again, changes), "clinic/M/y~x")
    assert (drawn.status, drawn.causes) == (status, ("randomness",))
    lines = compare_made(committed, again, changes)
    assert line_of(lines, EFFECTS).status is status
    assert line_of(lines, RAW).status is Status.WITHIN


def test_a_verdict_that_hangs_on_the_seed_matters(committed: dict[str, Any]) -> None:
    again = altered(committed, EFFECTS)
    again["inference"]["seed"] = 2
    again["verdicts"]["clinic/C01"] = "inconclusive"
    changes = find_changes(committed, again)
    line = line_of(compare_drawn(committed, again, changes), "clinic/C01")
    assert str(line) == "clinic/C01: differs [randomness]: supported there, inconclusive here"
    assert line_of(compare_made(committed, again, changes), EFFECTS).status is Status.DIFFERS


def test_a_seed_in_a_config_file_is_randomness_not_config(committed: dict[str, Any]) -> None:
    again = altered(committed, "config/config.yaml")
    again["inference"]["seed"] = 2
    changes = find_changes(committed, again)
    line = line_of(compare_inputs(committed, again, changes), "config/config.yaml")
    assert (line.status, line.causes) == (Status.WITHIN, ("randomness",))


def test_raw_numbers_may_differ_in_the_last_bits_of_another_processor(committed: dict[str, Any]) -> None:
    again = altered(committed, RAW)
    changes = find_changes(committed, again)

    def status(raw: dict[str, float] | None) -> Status:
        found: Status = line_of(compare_made(committed, again, changes, raw=raw), RAW).status
        return found

    assert status({RAW: 3e-13}) is Status.WITHIN
    assert status({RAW: 1e-6}) is Status.DIFFERS
    assert status(None) is Status.ABSENT


def test_a_sixth_digit_of_another_processor_is_within_the_tolerance(committed: dict[str, Any]) -> None:
    committed["files"][EFFECTS]["about"] = "a" * 64
    committed["environment"]["arithmetic"] = "openblas 0.3.31 SkylakeX"
    again = altered(committed, EFFECTS)
    again["environment"]["arithmetic"] = "openblas 0.3.31 Haswell"
    changes = find_changes(committed, again)
    assert changes.sentences() == [
        "environment: arithmetic openblas 0.3.31 SkylakeX there, openblas 0.3.31 Haswell here"
    ]
    line = line_of(compare_made(committed, again, changes), EFFECTS)
    assert (line.status, line.causes) == (Status.WITHIN, ("environment",))
    assert "to four significant digits" in line.what
    again["files"][EFFECTS]["about"] = "b" * 64
    assert line_of(compare_made(committed, again, changes), EFFECTS).status is Status.DIFFERS


def test_a_number_that_nothing_explains_differs(committed: dict[str, Any]) -> None:
    again = altered(committed, EFFECTS)
    changes = find_changes(committed, again)
    line = line_of(compare_made(committed, again, changes), EFFECTS)
    assert (line.status, line.causes) == (Status.DIFFERS, ("unexplained",))


def test_published_files_are_held_against_their_digests(committed: dict[str, Any]) -> None:
    found = {EFFECTS: "2" * 64, FOREST: "2" * 64, PAGE: "0" * 64}
    lines = compare_published(committed, found, strict=True)
    assert line_of(lines, EFFECTS).status is Status.DIFFERS
    assert line_of(lines, FOREST).status is Status.ADVISORY
    assert line_of(lines, PAGE).status is Status.SAME
    assert str(line_of(lines, QUALITY)) == f"{QUALITY}: differs: is not here; `snakemake` makes it"
    assert line_of(compare_published(committed, found, strict=False), QUALITY).status is Status.ABSENT


def sealed(content: dict[str, Any]) -> str:
    return json.dumps({**content, "sha256": seal(content)})


def test_a_manifest_that_was_sealed_is_read(committed: dict[str, Any]) -> None:
    assert parse_manifest(sealed(committed), "manifest.json")["files"] == committed["files"]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("{", "manifest.json:1:2: this is not json."),
        ("[]", "manifest.json: no `files` stand in it."),
        ('{"files": {"a.csv": {"tier": "number", "sha256": "12"}}}', "the entry of `a.csv` has no tier or no sha256."),
        (f'{{"files": {{"a": {json.dumps(entry("number"))}}}}}', "it lacks `environment`, `code`"),
    ],
)
def test_a_damaged_manifest_is_told_in_a_line(text: str, what: str) -> None:
    with pytest.raises(UserError) as caught:
        parse_manifest(text, "manifest.json")
    assert what in str(caught.value)


def test_a_digit_changed_in_a_manifest_is_told(committed: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="changed by hand after it was written"):
        parse_manifest(sealed(committed).replace("0.3", "0.4"), "manifest.json")


def test_cells_that_differ_are_named(tmp_path: Path) -> None:
    for name, value in (("old", "0.25"), ("new", "0.24")):
        (tmp_path / f"{name}.csv").write_text(f"effect,low\ny~x,{value}\n")
        (tmp_path / f"{name}.json").write_text(json.dumps({"a": {"low": float(value)}, "b": [1, 2]}))
    said = differing_cells(tmp_path / "old.csv", tmp_path / "new.csv")
    assert said == "line 2 `low` is 0.25, recomputed 0.24"
    said = differing_cells(tmp_path / "old.json", tmp_path / "new.json")
    assert said == "`a/low` is 0.25, recomputed 0.24"
    assert differing_cells(tmp_path / "old.csv", tmp_path / "absent.csv") == ""


def test_a_published_json_that_is_none_any_more_is_told(tmp_path: Path) -> None:
    for name, text in (("old", '{"a": '), ("new", '{"a": 1}')):
        (tmp_path / f"{name}.json").write_text(text, "utf-8")
    assert differing_cells(tmp_path / "old.json", tmp_path / "new.json") == "it can no longer be read"


def test_raw_tables_are_compared_by_value(tmp_path: Path) -> None:
    import pandas as pd

    frame = pd.DataFrame({"a": [1.0, float("nan"), 0.0], "name": ["x", "y", "z"]})
    write_table(frame, tmp_path / "a.parquet")
    write_table(frame.assign(a=frame["a"] * (1 + 1e-12)), tmp_path / "b.parquet")
    write_table(frame.iloc[:2], tmp_path / "c.parquet")
    write_table(frame.assign(a=[1.0, 2.0, 0.0]), tmp_path / "d.parquet")
    assert furthest_value(tmp_path / "a.parquet", tmp_path / "a.parquet") == 0.0
    assert 0.5e-12 < furthest_value(tmp_path / "a.parquet", tmp_path / "b.parquet") < 2e-12
    assert furthest_value(tmp_path / "a.parquet", tmp_path / "c.parquet") == float("inf")
    assert furthest_value(tmp_path / "a.parquet", tmp_path / "d.parquet") == float("inf")
    content = (tmp_path / "b.parquet").read_bytes()
    (tmp_path / "b.parquet").write_bytes(content[:100] + bytes([content[100] ^ 1]) + content[101:])
    assert furthest_value(tmp_path / "a.parquet", tmp_path / "b.parquet") == float("inf")


def test_the_summary_names_some_and_counts_the_rest(committed: dict[str, Any]) -> None:
    many = [Line(f"clinic/M/{place}", "effect", Status.WITHIN, ("randomness",), "moved") for place in range(30)]
    first = Line(EFFECTS, "number", Status.DIFFERS, ("data",), "follows from what changed")
    found = Verification("the manifest", Changes(data=("a.csv",)), (*many, first), True, ("A note.",))
    lines = found.summary().splitlines()
    assert lines[0].startswith("Not reproduced: 0 of 31 things")
    assert lines[1:4] == ["Changed since: data: a.csv.", "Note: A note.", str(first)]
    assert lines[-1] == "... and 10 more of tier `effect`: within its tolerance"
    assert len(lines) == 4 + 20 + 1
