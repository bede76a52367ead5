"""Rows: who, when and which side a row of a file is."""

from pathlib import Path

from tests.fixtures.study import cohort_of, lines_of, values


def test_rows_of_one_person_are_joined_by_side_and_repeat(tmp_path: Path) -> None:
    data = """
    id,side,trial,slr,age
    1,dx,1,60,40
    1,dx,2,64,40
    1,sx,1,70,40
    2,R,1,80,50
    """
    columns = {"slr": {"measure": "slr_passive_deg"}, "age": {"measure": "age_y"}}
    cohort = cohort_of(tmp_path, data, columns, side="side", trial="trial")
    assert cohort.n == 2
    assert values(cohort, "slr_passive_deg_right") == [62, 80]
    assert values(cohort, "slr_passive_deg") == [66, 80]
    assert values(cohort, "age_y") == [40, 50]


def test_visits_stand_side_by_side_and_the_plain_name_is_the_first(tmp_path: Path) -> None:
    data = """
    id,visit,date,arm,cva,age
    1,0,2024-01-01,A,50,40
    1,1,2024-03-01,A,52,40
    2,0,2024-01-05,B,46,50
    """
    keys = {"design": "trial", "visit": "visit", "visits": {0: "bl", 1: "fu"}, "visit_date": "date", "arm": "arm"}
    columns = {"cva": {"measure": "cva_deg"}, "age": {"measure": "age_y"}}
    cohort = cohort_of(tmp_path, data, columns, **keys, constructs={"head_fwd": "cva_deg"})
    assert cohort.n == 2
    assert values(cohort, "head_fwd") == values(cohort, "head_fwd_bl") == [-50, -46]
    assert values(cohort, "head_fwd_fu") == [-52, None]
    assert values(cohort, "visit_day_fu") == [60, None]
    assert "age_y_fu" not in cohort.variables  # only copied
    assert list(cohort.people["arm"]) == ["A", "B"]
    assert values(cohort, "arm_A") == [1, 0]
    assert (cohort.extra["visits"], cohort.extra["arms"]) == (["bl", "fu"], ["A", "B"])


def test_columns_may_say_their_visit(tmp_path: Path) -> None:
    columns = {"c0": {"measure": "cva_deg", "visit": "bl"}, "c1": {"measure": "cva_deg", "visit": "fu"}}
    columns |= {"age": {"measure": "age_y"}}
    data = "id,c0,c1,age\n1,50,52,40\n2,46,,50\n"
    cohort = cohort_of(tmp_path, data, columns, design="longitudinal")
    assert values(cohort, "cva_deg_fu") == [52, None]
    assert values(cohort, "cva_deg") == [50, 46]
    assert values(cohort, "age_y") == [40, 50]


def test_conditions_choose_rows_and_the_flow_counts_them(tmp_path: Path) -> None:
    data = """
    id,class,age
    1,Normal,40
    2,Hernia,50
    3,normal,17
    4,Normal,60
    """
    rules = [
        {"column": "class", "equals": "Normal", "reason": "no disease"},
        {"column": "age", "at_least": 18, "reason": "adults"},
    ]
    cohort = cohort_of(tmp_path, data, {"age": {"measure": "age_y"}}, eligibility=rules)
    assert values(cohort, "age_y") == [40, 60]
    assert [(step.reason, step.removed, step.left) for step in cohort.flow] == [
        ("rows in the file", 0, 4),
        ("condition not met: no disease", 1, 3),
        ("condition not met: adults", 1, 2),
        ("each row is one person", 0, 2),
    ]


def test_a_mistyped_word_of_a_condition_is_told(tmp_path: Path) -> None:
    data = "id,class,age\n1,Normal,40\n2,Nomral,50\n3,abnormal,17\n4,normal,60\n"
    rules = [{"column": "class", "equals": "Normal", "reason": "no disease"}]
    cohort = cohort_of(tmp_path, data, {"age": {"measure": "age_y"}}, eligibility=rules)
    assert values(cohort, "age_y") == [40, 60]
    assert [(one.level, one.what, one.count, one.column) for one in cohort.findings] == [
        (
            "warning",
            "rows do not meet the condition on column `class` and look as if its word was mistyped",
            1,
            "class",
        )
    ]
    waves = data.replace("Normal", "wave_1").replace("Nomral", "wave_2")
    rules[0]["equals"] = "wave_1"
    assert cohort_of(tmp_path, waves, {"age": {"measure": "age_y"}}, eligibility=rules).findings == ()


def test_a_row_of_means_is_no_person(tmp_path: Path) -> None:
    said = lines_of(tmp_path, "id,age\n1,40\n2,50\nMean,45\nSD:,17\n", {"age": {"measure": "age_y"}})
    assert said == [
        "data/people.csv: fewer than 10 ids of column `id` are words such as mean, SD or total: rows of a summary and "
        "no people (config/cohorts/c.yaml:6:1). Leave them out with `read: {footer_rows: ...}` or `eligibility`, or "
        "mend the file."
    ]


def test_dates_alone_number_the_visits(tmp_path: Path) -> None:
    data = """
    id,date,cva
    1,2024-03-01,52
    1,2024-01-01,50
    2,2024-01-05,46
    2,2024-02-04,47
    """
    columns = {"cva": {"measure": "cva_deg"}}
    keys = {"design": "longitudinal", "visit_date": "date"}
    cohort = cohort_of(tmp_path, data, columns, **keys)
    assert cohort.extra["visits"] == ["1", "2"]
    assert values(cohort, "cva_deg_2") == [52, 47]
    assert values(cohort, "visit_day_2") == [60, 30]
    assert cohort.findings == ()
    named = cohort_of(tmp_path, data, columns, **keys, visits={1: "before", 2: "after"})
    assert values(named, "cva_deg_after") == [52, 47]
    fewer = cohort_of(tmp_path, data + "    3,2024-01-01,49\n", columns, **keys)
    assert [(one.level, one.count) for one in fewer.findings] == [("warning", 1)]
    assert "which visit they missed is not known" in fewer.findings[0].what
    assert lines_of(tmp_path, data.replace("2024-02-04", ""), columns, **keys) == [
        "data/people.csv: fewer than 10 rows have no date in column `date`, so that nothing says which visit they are "
        "(config/cohorts/c.yaml:7:1). Fill in the dates."
    ]
    said = lines_of(tmp_path, data.replace("2024-02-04", "4/2/24"), columns, **keys)
    assert [line for line in said if "values of column `date` are not dates" in line] == said


def test_a_date_is_no_name_of_a_visit(tmp_path: Path) -> None:
    data = "id,date,cva\n1,2024-01-01,50\n1,2024-03-01,52\n2,2024-01-05,46\n2,2024-02-04,47\n"
    keys = {"design": "longitudinal", "visit": "date"}
    said = lines_of(tmp_path, data, {"cva": {"measure": "cva_deg"}}, **keys)
    assert any("names of visits in column `date` are dates" in line and "`visit_date: date`" in line for line in said)
    assert not any("2024" in line for line in said)


def test_a_day_that_is_no_number_is_refused(tmp_path: Path) -> None:
    data = "id,visit,day,cva\n1,1,0,50\n1,2,soon,52\n2,1,0,46\n2,2,30,47\n"
    keys = {"design": "longitudinal", "visit": "visit", "visit_day": "day"}
    (said,) = lines_of(tmp_path, data, {"cva": {"measure": "cva_deg"}}, **keys)
    assert "values of column `day` are no number of days" in said


def test_an_id_twice_is_refused(tmp_path: Path) -> None:
    assert lines_of(tmp_path, "id,age\n1,40\n1,41\n2,50\n", {"age": {"measure": "age_y"}}) == [
        "data/people.csv: fewer than 10 ids of column `id` occur more than once (config/cohorts/c.yaml:6:1). Remove "
        "the rows too many, or name the column that tells the rows apart (`visit:`, `side:`, `trial:`, `rater:`)."
    ]


def test_leading_zeros_of_an_id_are_kept(tmp_path: Path) -> None:
    cohort = cohort_of(tmp_path, "id,age\n007,40\n7,50\n", {"age": {"measure": "age_y"}})
    assert cohort.n == 2
    assert cohort.findings[0].what.startswith("ids of column `id` differ from another only by zeros in front")


def test_an_arm_that_changes_is_refused(tmp_path: Path) -> None:
    data = "id,v,arm,cva\n1,1,A,50\n1,2,B,52\n2,1,A,44\n"
    keys = {"design": "trial", "visit": "v", "arm": "arm"}
    assert lines_of(tmp_path, data, {"cva": {"measure": "cva_deg"}}, **keys) == [
        "data/people.csv: fewer than 10 people have more than one arm in column `arm` (config/cohorts/c.yaml:8:1). "
        "Mend the file: a person has one."
    ]


def test_dates_of_visits_in_one_row(tmp_path: Path) -> None:
    data = """
    id,cva_1,cva_2,day_1,day_2
    1,50,52,2024-01-01,2024-03-01
    2,46,47,2024-01-05,
    """
    columns = {f"cva_{visit}": {"measure": "cva_deg", "visit": name} for visit, name in ((1, "bl"), (2, "post"))}
    keys = {"design": "longitudinal", "visit_date": {"bl": "day_1", "post": "day_2"}}
    cohort = cohort_of(tmp_path, data, columns, **keys)
    assert values(cohort, "visit_day_post") == [60, None]
    backwards = data.replace("2024-03-01", "2023-03-01")
    said = lines_of(tmp_path, backwards, columns, **keys)
    assert any("dated before an earlier visit" in line for line in said)
    said = lines_of(tmp_path, data.replace("2024-03-01", "1/3/24"), columns, **keys)
    assert any("values of column `day_2` are not dates" in line for line in said)
