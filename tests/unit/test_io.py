import errno
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kinechain import io
from kinechain.cohort import Cohort, FlowStep
from kinechain.errors import UserError
from kinechain.numerics.moments import Moments


def cohort(**changes: object) -> Cohort:
    people = pd.DataFrame({"tilt_deg": [1.0, np.nan, 3.0], "tilt": [-1.0, np.nan, -3.0]})
    given: dict[str, object] = {
        "name": "c", "title": "C", "people": people, "moments": None, "constructs": {"tilt": "tilt_deg"},
        "units": {"tilt_deg": "deg"}, "design": "cross_sectional", "sampling_frame": "general", "synthetic": True,
        "flow": (FlowStep("in the file", 0, 3),),
    }  # fmt: skip
    return Cohort(**{**given, **changes})  # type: ignore[arg-type]  # changes are written beside each test


def test_a_cohort_comes_back_as_it_went(tmp_path: Path) -> None:
    io.write_cohort(cohort(), tmp_path / "c.parquet")
    back = io.read_cohort(tmp_path / "c.parquet")
    assert back.digest == cohort().digest
    assert back.flow == cohort().flow
    assert back.synthetic and back.constructs == {"tilt": "tilt_deg"}


def test_a_published_table_comes_back_as_it_went(tmp_path: Path) -> None:
    moments = Moments(("x", "y"), np.array([1.0, 2.0]), np.array([[2.0, 0.5], [0.5, 1.0]]), 100)
    io.write_cohort(cohort(people=None, moments=moments, design="summary"), tmp_path / "c.parquet")
    back = io.read_cohort(tmp_path / "c.parquet")
    assert back.moments is not None and back.people is None
    assert back.moments.names == ("x", "y") and back.n == 100
    np.testing.assert_array_equal(back.moments.covariance, moments.covariance)


def test_equal_cohorts_are_equal_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        io.write_cohort(cohort(), tmp_path / f"{name}.parquet")
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


def test_digest_knows_values_and_not_the_order_of_rows_or_columns() -> None:
    people = cohort().people
    assert people is not None
    shuffled = cohort(people=people.iloc[[2, 0, 1], [1, 0]])
    assert shuffled.digest == cohort().digest
    assert cohort(people=people + 1).digest != cohort().digest


def test_json_writes_no_number_that_json_does_not_know(tmp_path: Path) -> None:
    io.write_json(
        {"a": math.nan, "b": np.array([1.0, np.inf]), "c": np.float64(0.1), "d": np.True_}, tmp_path / "x.json"
    )
    assert io.read_json(tmp_path / "x.json") == {"a": None, "b": [1.0, None], "c": 0.1, "d": True}


def test_a_write_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        io.write_bytes("text", tmp_path / "x")  # type: ignore[arg-type]  # the mistake under test
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOSPC, "the disk is full: this was not written. Make room and run it again"),
        (errno.EDQUOT, "the disk is full: this was not written. Make room and run it again"),
        (errno.EROFS, "it cannot be written: its permissions, or those of the disk, forbid it. Make it writable"),
        (errno.EACCES, "it cannot be written: its permissions, or those of the disk, forbid it. Make it writable"),
    ],
)
def test_a_write_that_the_system_refuses_is_one_line_and_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, said: str
) -> None:
    (tmp_path / "x").write_bytes(b"before")

    def refuse(_: int) -> None:
        raise OSError(number, "refused")

    monkeypatch.setattr("kinechain.io.os.fsync", refuse)
    with pytest.raises(UserError) as error:
        io.write_bytes(b"after", tmp_path / "x")
    assert str(error.value).startswith(f"{(tmp_path / 'x').as_posix()}: {said}")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"before"]


def test_a_file_that_may_not_be_read_is_not_called_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> str:
        raise PermissionError

    monkeypatch.setattr(Path, "read_text", refuse)
    with pytest.raises(UserError) as error:
        io.read_json(tmp_path / "x.json")
    assert str(error.value).endswith("x.json: its permissions forbid to read it. Make it readable.")


def test_a_csv_keeps_text_as_text_and_missing_as_missing(tmp_path: Path) -> None:
    frame = pd.DataFrame({"name": ["NA", "x"], "value": [1 / 3, np.nan]})
    io.write_table(frame, tmp_path / "t.csv", digits=4)
    assert (tmp_path / "t.csv").read_text() == "name,value\nNA,0.3333\nx,\n"
    back = io.read_table(tmp_path / "t.csv")
    assert back["name"].tolist() == ["NA", "x"] and back["value"].isna().tolist() == [False, True]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\na: 2\n", "x.yaml:2:1: the key `a` stands twice. Mend the yaml there."),
        ("a: [1\n", "expected ',' or ']'"),
        ("a: !!python/object/apply:os.getcwd []\n", "x.yaml:1:4: could not determine a constructor for the tag"),
    ],
)
def test_bad_yaml_is_one_line_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "x.yaml").write_text(text)
    with pytest.raises(UserError) as error:
        io.read_yaml(tmp_path / "x.yaml")
    assert said in str(error.value)
    assert len(str(error.value).splitlines()) == 1


def test_a_missing_yaml_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="the file does not exist"):
        io.read_yaml(tmp_path / "none.yaml")


def test_yaml_that_is_not_text_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="it is not UTF-8 text"):
        io.read_yaml(tmp_path / "x.yaml")


def test_positions_of_keys_are_counted_from_one(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("a:\n  b: [1, 2]\n")
    places = io.yaml_positions(tmp_path / "x.yaml")
    assert places[("a",)] == (1, 1) and places[("a", "b")] == (2, 3) and places[("a", "b", 1)] == (2, 10)


@pytest.mark.parametrize("name", ["table.parquet", "record.json"])
def test_a_damaged_file_is_told_with_its_remedy(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name.endswith("json"):
        io.write_json({"a": [1, 2, 3]}, path)
    else:
        io.write_table(pd.DataFrame({"a": range(100)}), path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(UserError, match=r"damaged.*Delete it and run `snakemake` again: what is missing is made anew"):
        (io.read_json if name.endswith("json") else io.read_table)(path)


def test_no_bit_of_a_table_can_change_unseen(tmp_path: Path) -> None:
    path = tmp_path / "cohort.parquet"
    frame, notes = pd.DataFrame({"a": np.arange(40.0), "b": ["x", None] * 20}), {"n": 40, "unit": {"a": "cm"}}
    io.write_frame(frame, path, notes)
    assert io.read_metadata(path) == notes
    assert io.read_table(path).equals(frame)
    assert pd.read_parquet(path).equals(frame), "other readers do not look where the seal stands"
    content = path.read_bytes()
    for at in range(0, len(content), 3):
        path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        for read in (io.read_table, io.read_metadata):
            with pytest.raises(UserError, match="damaged"):
                read(path)


def test_no_file_of_a_sealed_folder_can_change_unseen(tmp_path: Path) -> None:
    io.write_tables({"effects": pd.DataFrame({"a": [1.5]}), "fit": pd.DataFrame({"b": [2.5]})}, tmp_path)
    io.check_folder(tmp_path)
    io.seal_folder(tmp_path)
    io.check_folder(tmp_path)
    (tmp_path / "effects.csv").write_text("a\n1.6\n")
    (tmp_path / "fit.csv").unlink()
    with pytest.raises(UserError) as caught:
        io.check_folder(tmp_path)
    assert [problem.where for problem in caught.value.problems] == [
        str(tmp_path / f"{it}.csv") for it in ("effects", "fit")
    ]
    assert all("Delete the folder" in problem.remedy for problem in caught.value.problems)


def test_no_digit_of_a_sealed_record_can_change_unseen(tmp_path: Path) -> None:
    path = tmp_path / "fit.json"
    io.write_sealed({"est": np.array([0.25, math.nan]), "n": np.int64(7)}, path)
    assert io.read_json(path) == {"est": [0.25, None], "n": 7}
    path.write_text(path.read_text().replace("0.25", "0.26"))
    with pytest.raises(UserError, match="damaged"):
        io.read_json(path)
