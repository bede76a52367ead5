"""Mistakes a newcomer makes with `kinechain fit`: the whole line is read, and nothing else may happen."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kinechain.cli import main
from tests.unit.engine_material import serial_data

CHAIN = "m ~ x\nw ~ m + x\ny ~ w + x\n"


@pytest.fixture
def people() -> pd.DataFrame:
    rng = np.random.default_rng(8)
    frame = pd.DataFrame({name: serial_data(120)[name] for name in ("x", "m", "y")})
    return frame.assign(w=0.4 * frame["m"] + rng.standard_normal(120), g="a", c=np.arange(120) % 9)


@pytest.fixture
def fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str]]:
    """Write what is given into an empty folder, fit there, and return exit code and everything on stderr."""
    monkeypatch.chdir(tmp_path)

    def run(text: str, table: pd.DataFrame | bytes, *options: str, source: str = "--data") -> tuple[int, str]:
        (tmp_path / "m.lav").write_text(text, encoding="utf-8")
        if isinstance(table, bytes):
            (tmp_path / "d.csv").write_bytes(table)
        else:
            table.to_csv(tmp_path / "d.csv", index=source == "--moments")
        code = main(["fit", "m.lav", source, "d.csv", "--json", "out.json", *options])
        if code == 2:
            assert not (tmp_path / "out.json").exists()
        return code, capsys.readouterr().err.strip()

    return run


Spoil = Callable[[pd.DataFrame], pd.DataFrame]

ROWS: dict[str, tuple[Spoil, tuple[str, ...], str]] = {
    "missing column": (
        lambda d: d.drop(columns="w"),
        (),
        "d.csv: `w` is not a column of the data (m.lav:2). Choose one of `c`, `g`, `m`, `x`, `y`.",
    ),
    "no rows": (lambda d: d[:0], (), "d.csv: the data have no rows (m.lav). Export the data again."),
    "one row": (
        lambda d: d[:1],
        (),
        "d.csv: 1 person is left, and covariances need more than one (m.lav). Use more people, or missing: fiml when "
        "values are missing.",
    ),
    "fewer people than parameters": (
        lambda d: d[:6],
        (),
        "d.csv: 6 people are fewer than the 8 parameters of the model (m.lav). Use a smaller model, or more people.",
    ),
    "constant": (
        lambda d: d.assign(w=3.0),
        (),
        "d.csv: `w` has the same value for everyone (m.lav). A constant has no covariance: leave it out of the model.",
    ),
    "constant but for rounding": (
        lambda d: d.assign(w=3.0 + 1e-13 * d["y"]),
        (),
        "d.csv: `w` varies only in the digits that are lost to rounding (m.lav). Subtract a constant from it before it "
        "is stored.",
    ),
    "all missing": (
        lambda d: d.assign(w=np.nan),
        ("--missing", "fiml"),
        "d.csv: `w` has no values (m.lav). Leave it out of the model.",
    ),
    "infinite": (
        lambda d: d.assign(w=[np.inf, *d["w"][1:]]),
        (),
        "d.csv: `w` is infinite in 1 rows (m.lav). Correct those values.",
    ),
    "text": (
        lambda d: d.assign(w=["Smith", *d["w"][1:].astype(str)]),
        (),
        "d.csv: `w` holds text where numbers are needed (m.lav). Recode it as numbers, or leave it out of the model.",
    ),
    "beyond the scale of numbers": (
        lambda d: d.assign(w=d["w"] * 0 + np.arange(120) * 1e200),
        (),
        "d.csv: `w` varies by about 1e+202, which is beyond what can be computed with (m.lav). Give it in another "
        "unit.",
    ),
    "exact sum": (
        lambda d: d.assign(w=d["m"] + d["x"]),
        (),
        "d.csv: `w` adds nothing to the others: `w` = `m` + `x` (up to a constant) (m.lav). Leave one of them out of "
        "the model.",
    ),
    "group of one": (
        lambda d: d.assign(g=["Smith", *d["g"][1:]]),
        ("--group", "g"),
        "d.csv: 1 of the 2 groups of `g` have fewer than 2 people (m.lav). Join groups or leave these people out; "
        "check that it names groups.",
    ),
    "groups of a measure": (
        lambda d: d,
        ("--group", "y"),
        "d.csv: 120 of the 120 groups of `y` have fewer than 2 people (m.lav). Join groups or leave these people out; "
        "check that it names groups.",
    ),
    "one cluster": (
        lambda d: d.assign(c=1),
        ("--cluster", "c"),
        "d.csv: `c` has the same value for everyone, and robust errors need many clusters (m.lav). Leave the cluster "
        "out.",
    ),
    "ordered but continuous": (
        lambda d: d,
        ("--ordered", "y"),
        "d.csv: `y` is ordered and has 120 classes; 20 are the most (m.lav). Leave it out of `ordered`, or join "
        "classes.",
    ),
}


@pytest.mark.parametrize("case", ROWS)
def test_a_mistake_in_the_rows_is_one_line(
    case: str, people: pd.DataFrame, fit: Callable[..., tuple[int, str]]
) -> None:
    spoil, options, says = ROWS[case]
    assert fit(CHAIN, spoil(people), *options) == (2, says)


FILES = {
    "empty": (b"", "d.csv: the file is empty. Its first line must hold the column names."),
    "noise": (b"PK\x03\x04" + bytes(400), "d.csv: this is not a csv in UTF-8. Save it as UTF-8 csv."),
    "ragged": (
        b"x,m,w,y\n1,2,3,4\n1,2,3,4,5\n",
        "d.csv: this cannot be read as csv: Expected 4 fields in line 3, saw 5. Mend that line, or export the data "
        "again.",
    ),
    "twice": (b"x,m,w,y,y\n1,2,3,4,5\n", "d.csv: the column `y` appears more than once. Rename one of them."),
}


@pytest.mark.parametrize("case", FILES)
def test_a_file_that_is_no_table_is_one_line(case: str, fit: Callable[..., tuple[int, str]]) -> None:
    content, says = FILES[case]
    assert fit(CHAIN, content) == (2, says)


OPTIONS = {
    ("--draws", "1000000000000"): "kinechain fit: --draws 1000000000000 is more than 1,000,000. 10,000 give stable "
    "limits.",
    ("--interval", "bca"): "kinechain fit: --interval changes nothing without --draws. Add --draws 10000.",
    ("--level", "0.9"): "kinechain fit: --level changes nothing without --draws. Add --draws 10000.",
    ("--n", "5"): "kinechain fit: --n belongs to --moments; with --data people are counted. Leave it out.",
    ("--group-equal", "regressions"): "m.lav: regressions cannot be held equal without groups. Name the column of the "
    "groups with --group.",
    ("--json", "/proc/none/x.json"): "/proc/none/x.json: cannot be written: No such file or directory. Name another "
    "file.",
}


@pytest.mark.parametrize("words", OPTIONS, ids=" ".join)
def test_an_option_that_cannot_be_followed_is_one_line(
    words: tuple[str, ...], people: pd.DataFrame, fit: Callable[..., tuple[int, str]]
) -> None:
    assert fit(CHAIN, people, *words) == (2, OPTIONS[words])


def test_a_parquet_that_is_none_or_absent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.lav").write_text(CHAIN)
    (tmp_path / "d.parquet").write_text("x")
    assert main(["fit", "m.lav", "--data", "d.parquet"]) == 2
    assert capsys.readouterr().err == "d.parquet: this is not a parquet file. Export the data again.\n"
    assert main(["fit", "m.lav", "--data", "e.parquet"]) == 2
    assert capsys.readouterr().err == "e.parquet: this file does not exist. Did you mean `d.parquet`?\n"


def spoilt(row: int, column: int, value: float) -> pd.DataFrame:
    names = ["x", "m", "w", "y"]
    R = np.full((4, 4), 0.3) + 0.7 * np.eye(4)
    R[row, column] = R[column, row] = value
    return pd.DataFrame(R, names, names)


MOMENTS = {
    "correlation": (
        spoilt(0, 1, 1.2),
        "d.csv: the correlation of `m` and `x` is 1.2, outside -1 to 1 (m.lav). Correct the misprint.",
    ),
    "not positive definite": (
        spoilt(0, 1, -0.95),
        "d.csv: the moments are not positive definite: no data could have them (m.lav). Check them for misprints and "
        "for pairwise deletion.",
    ),
    "variance": (spoilt(2, 2, -1.0), "d.csv: the variance of `w` is not positive (m.lav). Correct the diagonal."),
    "gap": (
        spoilt(2, 3, np.nan),
        "d.csv: the moments have gaps or are infinite (m.lav). Give every variance and covariance.",
    ),
}


@pytest.mark.parametrize("case", MOMENTS)
def test_a_table_of_impossible_moments_is_one_line(case: str, fit: Callable[..., tuple[int, str]]) -> None:
    table, says = MOMENTS[case]
    assert fit(CHAIN, table, "--n", "100", source="--moments") == (2, says)


@pytest.mark.parametrize(
    "words",
    ["0", "-3", "1", "1e300", "nan", "inf", "99.5", "", "12345678901234567890123"],
    ids=lambda word: f"n={word}",
)
def test_a_number_of_people_that_is_none_is_one_line(words: str, fit: Callable[..., tuple[int, str]]) -> None:
    code, says = fit(CHAIN, spoilt(0, 0, 1.0), f"--n={words}", source="--moments")
    assert code == 2
    assert says == (
        f"kinechain fit: argument --n: `{words[:20]}` is not a whole number of people from 2 to 10,000,000,000. "
        "`kinechain fit --help` lists what it takes."
    )


CONTRADICTIONS = {
    "y ~ a*x\na == 1\na == 2\n": "m.lav:3: `a == 1` and `a == 2` cannot hold together. Correct or leave out "
    "one of them.",
    "y ~ a*x + b*m\na == b\nb < 1\na > 2\n": "m.lav:4: `a == b` and `b < 1` and `a > 2` cannot hold together. Correct "
    "or leave out one of them.",
    "y ~ a*x\na < 5\n1 == 2\n": "m.lav:3: `1 == 2` cannot be fulfilled. Correct it, or leave it out.",
    "y ~ 1*a*x\na == 2\n": "m.lav:2: `a == 2` cannot be fulfilled. Correct it, or leave it out.",
    "y ~ a*x\na*a == -1\n": "m.lav:2: no values were found that fulfil `a*a == -1`. Correct it, or leave it out.",
    "y ~ lower(2)*x\ny ~ upper(1)*x\n": "m.lav: a lower bound lies above an upper bound. Correct lower() and upper().",
}


@pytest.mark.parametrize("text", CONTRADICTIONS)
def test_constraints_that_exclude_one_another_are_one_line(
    text: str, people: pd.DataFrame, fit: Callable[..., tuple[int, str]]
) -> None:
    assert fit(text, people) == (2, CONTRADICTIONS[text])


@pytest.mark.parametrize("text", ["y ~ a*x + b*m\na == b\na == b\n", "y ~ a*x\na < 1\na > -1\na*a < 4\n"])
def test_constraints_that_agree_are_followed(
    text: str, people: pd.DataFrame, fit: Callable[..., tuple[int, str]]
) -> None:
    assert fit(text, people) == (0, "")


def test_what_a_constraint_settles_alone_has_no_error(
    people: pd.DataFrame, fit: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    assert fit("y ~ a*x + b*m\na*b == 0\na == 0\n", people) == (0, "")
    row = next(row for row in json.loads((tmp_path / "out.json").read_text())["parameters"] if row["label"] == "a")
    assert abs(row["est"]) < 1e-12
    assert (row["se"], row["z"], row["pvalue"]) == (0.0, None, None)


def test_two_labels_on_one_path_are_refused(people: pd.DataFrame, fit: Callable[..., tuple[int, str]]) -> None:
    assert fit("y ~ a*x\ny ~ b*x\n", people) == (2, "m.lav:1:5: `y~x` has 2 labels. Keep one of them.")


@pytest.mark.parametrize("text", ["y ~~ -5*y\n", "y ~ x\ny ~~ 0*y\n", "f =~ x + y\n", "m ~ y\ny ~ m\n"])
def test_a_failed_fit_has_no_number_not_even_a_fixed_one(
    text: str, people: pd.DataFrame, fit: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    assert fit(text, people) == (3, "")
    record = json.loads((tmp_path / "out.json").read_text())
    assert record["status"] != "converged"
    assert record["status_text"]
    numbers = [value for row in record["parameters"] for key, value in row.items() if key[:3] in ("est", "se", "std")]
    assert set(numbers) == {None}
    assert record["fit_measures"]["chisq"] is None


def test_names_may_be_written_in_any_script(people: pd.DataFrame, fit: Callable[..., tuple[int, str]]) -> None:
    code, told = fit("痛み ~ größe\n", people.rename(columns={"y": "痛み", "x": "größe"}))
    assert (code, told) == (0, "")


def test_ordered_outcomes_choose_their_estimator(
    people: pd.DataFrame, fit: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    classes = people.assign(y=np.digitize(people["y"], [-1.0, 0.0, 1.0]))
    assert fit(CHAIN, classes, "--ordered", "y") == (0, "")
    assert json.loads((tmp_path / "out.json").read_text())["estimator"] == "wlsmv"
