"""Freezing config, and the deviations a report lists."""

import shutil
from pathlib import Path

import pytest
import yaml

from kinechain.document import Paragraph, Table, plain
from kinechain.errors import UserError
from kinechain.ledger import Ledger
from kinechain.registered import registration_blocks
from kinechain.registration import FILE, find_deviations, freeze, read_registration, registration_problems
from kinechain.study import load_study

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "config", tmp_path / "config", ignore=shutil.ignore_patterns("registration.yaml"))
    return tmp_path


def edit(folder: Path, name: str, old: str, new: str) -> None:
    path = folder / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_a_study_that_froze_nothing_says_so(folder: Path) -> None:
    assert read_registration(load_study(folder)) == {}
    (block,) = registration_blocks({}, Ledger())
    assert isinstance(block, Paragraph)
    assert plain(block.prose).startswith("The config was not frozen before the data were analysed")


def test_frozen_and_unchanged(folder: Path) -> None:
    record = freeze(load_study(folder))
    found = read_registration(load_study(folder))
    assert (found["is_whole"], found["deviations"], found["analysed"]) == (True, [], [])
    assert found["digest"] == record["digest"] and len(record["digest"]) == 12
    last = registration_blocks(found, Ledger())[-1]
    assert isinstance(last, Paragraph) and plain(last.prose) == "Nothing was changed since."


def test_a_study_is_frozen_once(folder: Path) -> None:
    freeze(load_study(folder))
    with pytest.raises(UserError, match="already"):
        freeze(load_study(folder))


def test_cohorts_analysed_before_are_named(folder: Path) -> None:
    place = folder / "data" / "derived" / "demo_clinic" / "effects"
    place.mkdir(parents=True)
    (place / "M1_chain.parquet").write_bytes(b"")
    assert freeze(load_study(folder))["analysed"] == ["demo_clinic"]


def test_each_deviation_is_listed_with_its_reason_or_flagged(folder: Path) -> None:
    freeze(load_study(folder))
    edit(folder, "config/config.yaml", "draws: 10000", "draws: 5000")
    edit(folder, "config/models/M1_chain.yaml", "~ b*pelvis_post + B_lumbar", "~ b*pelvis_post + age")
    reason = '{key: "config/config.yaml: inference.draws", reason: "The cluster was slow."}'
    edit(folder, FILE.as_posix(), "deviations: []", f"deviations: [{reason}]")
    found = read_registration(load_study(folder))
    assert found["is_whole"]
    draws, equation = found["deviations"]
    assert draws == {
        "key": "config/config.yaml: inference.draws",
        "frozen": "10000",
        "present": "5000",
        "reason": "The cluster was slow.",
    }
    assert equation["key"] == "config/models/M1_chain.yaml: equations"
    assert (equation["frozen"], equation["present"]) == (
        "lumbar_flat ~ b*pelvis_post + B_lumbar",
        "lumbar_flat ~ b*pelvis_post + age",
    )
    *_, told, table = registration_blocks(found, Ledger())
    assert isinstance(told, Paragraph) and isinstance(table, Table)
    assert plain(told.prose) == "1 of the 2 changes since then have no reason; they are marked in the table."
    assert [row[3].text for row in table.rows] == ["The cluster was slow.", "NO REASON GIVEN"]


def test_a_comment_is_no_deviation(folder: Path) -> None:
    freeze(load_study(folder))
    edit(folder, "config/config.yaml", "inference:", "# thought about\ninference:")
    assert read_registration(load_study(folder))["deviations"] == []


def test_frozen_content_that_was_edited_is_told(folder: Path) -> None:
    freeze(load_study(folder))
    record = yaml.safe_load((folder / FILE).read_text(encoding="utf-8"))
    record["content"]["config/config.yaml"]["inference"]["draws"] = 500
    (folder / FILE).write_text(yaml.safe_dump(record), encoding="utf-8")
    found = read_registration(load_study(folder))
    assert not found["is_whole"]
    said = [plain(block.prose) for block in registration_blocks(found, Ledger()) if isinstance(block, Paragraph)]
    assert any("it was edited, and cannot be relied upon" in text for text in said)


def test_a_reason_for_a_file_holds_for_everything_in_it() -> None:
    frozen, present = {"a.yaml": {"x": 1, "y": {"z": [1]}}}, {"a.yaml": {"x": 2, "y": {"z": [1, 3]}, "new": "w"}}
    found = find_deviations(frozen, present, {"a.yaml": "All of it was provisional."})
    assert [(one.key, one.frozen, one.present) for one in found] == [
        ("a.yaml: x", "1", "2"),
        ("a.yaml: y.z", "", "3"),
        ("a.yaml: new", "", "w"),
    ]
    assert {one.reason for one in found} == {"All of it was provisional."}
    assert {one.reason for one in find_deviations(frozen, present, {"a.yaml: y": "Why."})} == {"", "Why."}


def test_a_registration_with_an_unknown_key_is_refused(folder: Path) -> None:
    freeze(load_study(folder))
    edit(folder, FILE.as_posix(), "deviations: []", "deviatons: []")
    with pytest.raises(UserError, match="Did you mean `deviations`"):
        read_registration(load_study(folder))


def test_a_reason_for_what_does_not_differ_is_told_with_the_difference_that_lacks_one(folder: Path) -> None:
    freeze(load_study(folder))
    assert registration_problems(load_study(folder)) == []
    given = '{key: "config/config.yaml: inference.drawz", reason: "Fewer moved no digit."}'
    edit(folder, str(FILE), "deviations: []", f"deviations: [{given}]")
    edit(folder, "config/config.yaml", "draws: 10000", "draws: 5000")
    (problem,) = registration_problems(load_study(folder))
    assert str(problem) == (
        "config/registration.yaml: `config/config.yaml: inference.drawz` has a reason under `deviations` and does not "
        "differ from what was frozen. Did you mean `config/config.yaml: inference.draws`?"
    )
    edit(folder, str(FILE), "inference.drawz", "inference")
    assert registration_problems(load_study(folder)) == []
    edit(folder, "config/config.yaml", "draws: 5000", "draws: 10000")
    (problem,) = registration_problems(load_study(folder))
    assert str(problem).endswith("does not differ from what was frozen. Take it out there.")


def test_a_registration_of_the_wrong_shape_is_told(folder: Path) -> None:
    freeze(load_study(folder))
    edit(folder, str(FILE), "frozen:", "frozn:")
    assert any("unknown key `frozn`" in str(problem) for problem in registration_problems(load_study(folder)))
