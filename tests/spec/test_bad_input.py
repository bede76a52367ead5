"""Bad input: every mistake at once, one line each, with file, place, what is wrong and the remedy."""

from pathlib import Path

import pytest

from kinechain.preflight import check_cohort, cohort_warnings
from tests.fixtures.study import cohort_of, lines_of, values, write_study

AGE = {"age": {"measure": "age_y"}}


def test_missing_file(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "people2.csv").write_text("x")
    assert lines_of(tmp_path, None, AGE) == [
        "data/people.csv: the file does not exist (config/cohorts/c.yaml:1:1). Did you mean `people2.csv`?"
    ]


def test_empty_file(tmp_path: Path) -> None:
    assert lines_of(tmp_path, b"", AGE) == [
        "data/people.csv: the file is empty (config/cohorts/c.yaml:1:1). Export the data again."
    ]


def test_header_without_rows(tmp_path: Path) -> None:
    (line,) = lines_of(tmp_path, "id,age\n", AGE)
    assert line.startswith("data/people.csv: the file has no row of data (config/cohorts/c.yaml:1:1).")


def test_missing_column_names_the_closest_and_the_line(tmp_path: Path) -> None:
    columns = {"agee": {"measure": "age_y"}}
    assert lines_of(tmp_path, "id,age\n1,40\n", columns) == [
        "data/people.csv: there is no column `agee` (config/cohorts/c.yaml:8:3). Did you mean `age`?"
    ]


def test_unknown_measure(tmp_path: Path) -> None:
    assert lines_of(tmp_path, "id,age\n1,40\n2,50\n", {"age": {"measure": "age_yy"}})[0] == (
        "config/cohorts/c.yaml:9:5: `age_yy` is not a measure. Did you mean `age_y`? Known names are listed in "
        "config/measures.yaml."
    )


def test_unknown_key(tmp_path: Path) -> None:
    assert lines_of(tmp_path, "id,age\n1,40\n2,50\n", {"age": {"measur": "age_y"}})[0] == (
        "config/cohorts/c.yaml:9:5: unknown key `measur` in columns.age. Did you mean `measure`?"
    )


def test_outside_the_hard_range(tmp_path: Path) -> None:
    assert lines_of(tmp_path, "id,age\n1,40\n2,340\n3,50\n", AGE) == [
        "data/people.csv: fewer than 10 values of column `age` lie outside 16 to 100 year (config/cohorts/c.yaml:8:3). "
        "Check unit and convention of the column (they look ten times off: a slipped decimal point or another unit) or "
        "mend the file."
    ]


def test_undeclared_missing_code(tmp_path: Path) -> None:
    (line,) = lines_of(tmp_path, "id,age\n1,40\n2,999\n3,50\n", AGE)
    assert line.endswith("All of them are 999: if that means missing, add `missing_codes: [999]`.")


def test_constant_column(tmp_path: Path) -> None:
    assert lines_of(tmp_path, "id,age\n1,40\n2,40\n", AGE, constructs={"age": "age_y"}) == [
        "data/people.csv: fewer than 10 people, all with the same value: `age_y` is constant "
        "(config/cohorts/c.yaml:10:3). Leave it out of `constructs`, or check the column."
    ]


def test_words_where_numbers_belong(tmp_path: Path) -> None:
    (line,) = lines_of(tmp_path, "id,age\n1,40\n2,=cmd()\n3,50\n", AGE)
    assert line == (
        "data/people.csv: fewer than 10 values of column `age` are neither number nor known word "
        "(config/cohorts/c.yaml:8:3). List a missing code under `missing_codes`, explain a word under `codes`, or mend "
        "the file."
    )


@pytest.mark.parametrize(
    ("cell", "hint"),
    [
        ("62 in", "Some are numbers with a unit or a mark beside them"),
        (">80", "Some are numbers with a unit or a mark beside them"),
        ('"62,5"', "Some are numbers with another mark inside; say which under `read`: `decimal`, `thousands`"),
        ("soft", "List a missing code"),
    ],
)
def test_what_words_among_numbers_look_like(tmp_path: Path, cell: str, hint: str) -> None:
    data = f"id,slr\n1,61\n2,{cell}\n3,70\n4,72\n"
    (said,) = lines_of(tmp_path, data, {"slr": {"measure": "slr_passive_deg"}})
    assert f"(config/cohorts/c.yaml:8:3). {hint}" in said
    assert cell.strip('"') not in said


def test_a_mistyped_category_is_told_by_the_word_it_is_like(tmp_path: Path) -> None:
    data = "id,sex\n1,male\n2,femal\n3,female\n4,M\n"
    (said,) = lines_of(tmp_path, data, {"sex": {"measure": "sex"}})
    assert "Some look like `female` mistyped. List a missing code" in said
    assert "femal`" not in said


def test_a_number_may_carry_the_unit_of_its_column_and_no_other(tmp_path: Path) -> None:
    columns = {"slr": {"measure": "slr_passive_deg"}}
    cohort = cohort_of(tmp_path, "id,slr\n1,61°\n2,62 deg\n3,70\n4,72\n", columns)
    assert values(cohort, "slr_passive_deg") == [61, 62, 70, 72]
    assert [(one.level, one.what, one.count) for one in cohort.findings] == [
        ("note", "values of column `slr` carry their unit, deg, and are read as numbers", 2)
    ]


def test_a_point_between_digits_is_never_taken_for_a_decimal_comma(tmp_path: Path) -> None:
    """Where numbers have a decimal comma, 1.234 may be a thousand: it is a number only when the yaml says so."""
    columns = {"pa": {"measure": "pa_met_min_wk"}}
    data = "id;pa;slr\n" + "".join(f"{i};{cell};6{i},5\n" for i, cell in enumerate(["1.234", "987,5", "2.345,5"]))
    (said,) = lines_of(tmp_path, data, columns)
    assert "fewer than 10 values of column `pa` are neither number nor known word" in said
    assert "say which under `read`" in said
    told = cohort_of(tmp_path, data, columns, read={"thousands": "."})
    assert values(told, "pa_met_min_wk") == [1234, 987.5, 2345.5]
    slipped = lines_of(tmp_path, data.replace("987,5", "98.5"), columns, read={"thousands": "."})
    assert len(slipped) == 1  # never 985


def test_ragged_rows(tmp_path: Path) -> None:
    (line,) = lines_of(tmp_path, "id,age\n1,40\n2,50,60\n3,50\n", AGE)
    assert line.startswith("data/people.csv: 1 rows have another number of fields than the header (the first is row 3)")


def test_what_init_left_open_is_refused(tmp_path: Path) -> None:
    columns = {"age": {"measure": "age_y", "undecided": ["which unit?"]}}
    assert lines_of(tmp_path, "id,age\n1,40\n2,50\n", columns) == [
        "config/cohorts/c.yaml:10:5: column `age` is undecided: which unit? Settle it, then delete it."
    ]


def test_all_mistakes_come_at_once_and_none_names_a_person(tmp_path: Path) -> None:
    columns = {"age": {"measure": "age_y"}, "ppt": {"measure": "ppt_utrap_kpa"}, "sex": {"measure": "sex"}}
    data = "id,age,ppt,sex\nsecret-17,140.25,300,x\nsecret-18,30,310,m\nsecret-18,31,311,f\n"
    lines = lines_of(tmp_path, data, columns)
    assert len(lines) == 5
    assert not any("secret" in line or "140.25" in line for line in lines)


def test_a_cohort_that_is_not_there(tmp_path: Path) -> None:
    config = write_study(tmp_path, "id,age\n1,40\n", AGE)
    (problem,) = check_cohort("d", config)
    assert str(problem).startswith("config/cohorts/d.yaml: there is no cohort `d`.")


@pytest.mark.parametrize("content", [b"\x00\x01\x02" * 50, b"PK\x03\x04 not text \x00\x00", b"\xff\xfe\x00"], ids=str)
def test_binary_noise_is_no_csv(tmp_path: Path, content: bytes) -> None:
    (line,) = lines_of(tmp_path, content, AGE)
    assert line.startswith("data/people.csv: ")


def test_the_worst_comes_first(tmp_path: Path) -> None:
    data = "id,cva,age,slr\n1,5,40,60\n2,5,50,61\n3,5,300,62\n4,,60,63\n"
    columns = {"age": {"measure": "age_y"}, "cva": {"measure": "cva_deg"}, "slr": {"measure": "slr_passive_deg"}}
    said = lines_of(tmp_path, data, columns)
    assert [line.split("column ")[1].split()[0] for line in said if "lie outside" in line] == ["`cva`", "`age`"]


def test_warnings_name_file_column_and_line(tmp_path: Path) -> None:
    data = "id,cva,age\n1,25,40\n2,50,50\n3,52,60\n"
    config = write_study(tmp_path, data, {"cva": {"measure": "cva_deg"}, "age": {"measure": "age_y"}})
    assert [str(problem) for problem in cohort_warnings("c", config)] == [
        "data/people.csv: fewer than 10 values of column `cva` lie outside the usual 30 to 70 deg "
        "(config/cohorts/c.yaml:8:3). Look at them in the file; they stay in."
    ]


def test_sides_that_are_none(tmp_path: Path) -> None:
    columns = {"slr": {"measure": "slr_passive_deg"}, "age": {"measure": "age_y"}}
    said = lines_of(tmp_path, "id,where,slr,age\n1,up,60,40\n2,down,70,50\n", columns, side="where")
    assert any(
        line.startswith("data/people.csv: fewer than 10 rows of column `where` name no known side") for line in said
    )


def test_visits_that_are_none(tmp_path: Path) -> None:
    columns = {"cva": {"measure": "cva_deg"}}
    keys = {"design": "trial", "arm": "arm", "visit": "when", "visits": {"1": "bl", "2": "post"}}
    said = lines_of(tmp_path, "id,when,arm,cva\n1,8,A,50\n2,9,B,51\n", columns, **keys)
    assert any("rows of column `when` belong to no known visit" in line for line in said)
