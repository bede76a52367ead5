"""`kinechain fit`: its record, its exit codes, and mistakes told in one line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from kinechain.cli import main
from tests.unit.engine_material import CHAIN, factor_data, serial_data


def write_csv(folder: Path, data: dict[str, np.ndarray], name: str = "d.csv") -> Path:
    path = folder / name
    rows = [",".join(data)]
    rows += [
        ",".join("" if value != value else repr(float(value)) for value in row)
        for row in zip(*data.values(), strict=True)
    ]
    path.write_text("\n".join(rows) + "\n")
    return path


@pytest.fixture
def study(tmp_path: Path) -> Path:
    (tmp_path / "m.lav").write_text(CHAIN)
    write_csv(tmp_path, serial_data(150, gaps=0.1))
    return tmp_path


def run(folder: Path, *words: str) -> tuple[int, dict[str, object]]:
    out = folder / "out.json"
    code = main(["fit", *words, "--json", str(out)])
    return code, json.loads(out.read_text()) if out.exists() else {}


def test_the_record_holds_the_contract(study: Path) -> None:
    code, record = run(study, str(study / "m.lav"), "--data", str(study / "d.csv"), "--missing", "fiml")
    assert code == 0
    assert record["status"] == "converged"
    assert {"n_obs", "parameters", "fit_measures", "modification_indices", "r2", "residuals"} <= set(record)
    row = next(r for r in record["parameters"] if r["op"] == ":=")
    assert row["group"] == 0
    assert row["ci_lower"] < row["est"] < row["ci_upper"]
    assert {"se", "z", "pvalue", "std_lv", "std_all", "group_label", "label"} <= set(row)
    assert record["starting_values"].keys() >= {"a", "b"}
    assert record["gradient_norm"] < 1e-6


def test_a_model_that_is_not_identified_ends_with_3_and_without_numbers(study: Path) -> None:
    (study / "loop.lav").write_text("m ~ y\ny ~ m")
    code, record = run(study, str(study / "loop.lav"), "--data", str(study / "d.csv"))
    assert code == 3
    assert record["status"] == "not_identified"
    assert "`m~y`" in record["status_text"]
    assert {p["est"] for p in record["parameters"] if p["free"]} == {None}
    assert {p["std_all"] for p in record["parameters"]} == {None}
    assert record["fit_measures"].get("chisq") is None


def test_moments_with_and_without_rescaling(tmp_path: Path) -> None:
    (tmp_path / "m.lav").write_text("y ~ x")
    (tmp_path / "s.csv").write_text(",x,y\nx,1,\ny,0.5,1\n")
    words = (str(tmp_path / "m.lav"), "--moments", str(tmp_path / "s.csv"), "--n", "100")
    variance = {}
    for option in ("--rescale", "--no-rescale"):
        code, record = run(tmp_path, *words, option)
        assert code == 0
        variance[option] = next(p["est"] for p in record["parameters"] if (p["lhs"], p["rhs"]) == ("y", "y"))
    assert variance["--no-rescale"] == pytest.approx(0.75)
    assert variance["--rescale"] == pytest.approx(0.75 * 0.99)


def test_moments_may_end_in_a_row_of_means(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "m.lav").write_text("y ~ i*1 + b*x")
    table = ",x,y\nx,1,\ny,0.5,1\n"
    words = (str(tmp_path / "m.lav"), "--moments", str(tmp_path / "s.csv"), "--n", "100")
    (tmp_path / "s.csv").write_text(table + "mean,2,5\n")
    code, record = run(tmp_path, *words)
    assert code == 0
    found = {row["label"]: row["est"] for row in record["parameters"]}
    assert (found["i"], found["b"]) == pytest.approx((4.0, 0.5))
    refused = {
        table: "the table has no last row `mean`, so intercepts cannot be estimated from it. Add the means, or leave "
        "out intercepts and --meanstructure.",
        table + "mean,2,\n": "the row `mean` has gaps. Give every mean, or leave the row out.",
    }
    for content, says in refused.items():
        (tmp_path / "s.csv").write_text(content)
        assert main(["fit", *words]) == 2
        assert capsys.readouterr().err.endswith(f"s.csv: {says}\n")


def test_a_model_is_tested_against_one_it_is_nested_in(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (study / "small.lav").write_text("m ~ x + z\ny ~ m + 0*x + z\n")
    (study / "large.lav").write_text("m ~ x + z\ny ~ m + x + z\n")
    (study / "other.lav").write_text("m ~ x\ny ~ m\n")
    tests = []
    for first, second in (("small", "large"), ("large", "small")):
        words = (str(study / f"{first}.lav"), "--data", str(study / "d.csv"), "--against", str(study / f"{second}.lav"))
        code, record = run(study, *words)
        assert code == 0
        tests.append(record["comparison"])
    assert tests[0] == tests[1]
    assert (tests[0]["restricted"], tests[0]["general"], tests[0]["df_difference"]) == ("small", "large", 1)
    words = ("fit", str(study / "small.lav"), "--data", str(study / "d.csv"), "--against", str(study / "other.lav"))
    assert main([*words]) == 2
    assert capsys.readouterr().err.strip().endswith("the two models were not fitted to the same people and variables.")


def test_groups_are_numbered_in_order_of_first_appearance(tmp_path: Path) -> None:
    data = factor_data(100)
    data["g"] = 2.0 - data["g"]
    (tmp_path / "m.lav").write_text("f =~ u1 + u2 + u3")
    words = ("--data", str(write_csv(tmp_path, data)), "--group", "g", "--group-equal", "loadings,intercepts")
    code, record = run(tmp_path, str(tmp_path / "m.lav"), *words)
    assert code == 0
    assert [(g["group"], g["group_label"], g["n_obs"]) for g in record["groups"]] == [(1, "2", 50), (2, "1", 50)]


def test_a_model_yaml_takes_macros_from_its_study(tmp_path: Path) -> None:
    (tmp_path / "config" / "models").mkdir(parents=True)
    (tmp_path / "config" / "config.yaml").write_text("macros:\n  B: z + height\n")
    model = tmp_path / "config" / "models" / "chain.yaml"
    model.write_text("name: chain\nequations: |\n  m ~ a*x + B\n  y ~ b*m + B\neffects: |\n  ind := a*b\n")
    code, record = run(tmp_path, str(model), "--data", str(write_csv(tmp_path, serial_data())))
    assert code == 0
    assert record["unmeasured"] == {"m": ["height"], "y": ["height"]}


MISTAKES = {
    "no data": (["{m}"], "kinechain fit: the data are not named. Give either --data FILE or --moments FILE --n N."),
    "no file": (["{m}", "--data", "{dir}/none.csv"], "{dir}/none.csv: this file does not exist."),
    "no model": (["{dir}/none.lav", "--data", "{d}"], "{dir}/none.lav: this file does not exist."),
    "empty data": (
        ["{m}", "--data", "{dir}/empty.csv"],
        "{dir}/empty.csv: the file is empty. Its first line must hold the column names.",
    ),
    "semicolons": (
        ["{m}", "--data", "{dir}/semi.csv"],
        "{dir}/semi.csv: columns seem to be separated by `;` or tabs. Save it with commas.",
    ),
    "twice": (
        ["{m}", "--data", "{dir}/twice.csv"],
        "{dir}/twice.csv: the column `x` appears more than once. Rename one of them.",
    ),
    "no such column": (
        ["{dir}/far.lav", "--data", "{d}"],
        "{d}: `yy` is not a column of the data ({dir}/far.lav:1). Did you mean `y`?",
    ),
    "estimator": (["{m}", "--data", "{d}", "--estimator", "mllr"], "--estimator mllr is unknown. Did you mean `mlr`?"),
    "n": (
        ["{m}", "--moments", "{d}"],
        "kinechain fit: --moments needs the number of people behind them. Add --n N, 2 or more.",
    ),
    "option": (["{m}", "--data", "{d}", "--shout"], "unrecognized arguments: --shout."),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes_end_with_2_and_one_line(study: Path, case: str, capsys: pytest.CaptureFixture[str]) -> None:
    (study / "empty.csv").write_text("")
    (study / "semi.csv").write_text("x;y\n1;2\n")
    (study / "twice.csv").write_text("x,y,x\n1,2,3\n")
    (study / "far.lav").write_text("yy ~ x")
    places = {"m": study / "m.lav", "d": study / "d.csv", "dir": study}
    words, says = MISTAKES[case]
    assert main(["fit", *(word.format(**places) for word in words)]) == 2
    told = capsys.readouterr().err.strip()
    assert "\n" not in told
    assert says.format(**places) in told


def test_a_syntax_error_shows_the_line_with_a_caret(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (study / "bad.lav").write_text("m ~ x\ny ~ m z\n")
    assert main(["fit", str(study / "bad.lav"), "--data", str(study / "d.csv")]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == f"{study}/bad.lav:2:7: `z` does not continue the term `m`. Join terms with `+`."
    assert lines[1:] == ["  y ~ m z", "        ^"]


def test_an_unknown_command_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fitt"]) == 2
    assert capsys.readouterr().err == "kinechain: `fitt` is not a command. Did you mean `fit`?\n"
