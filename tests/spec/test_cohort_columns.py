"""Columns: what one entry of `columns:` in a cohort's yaml does to the numbers of a file."""

from pathlib import Path

import pytest

from tests.fixtures.study import cohort_of, lines_of, values


def test_only_mapped_columns_enter(tmp_path: Path) -> None:
    data = """
    id,name,age
    1,Ann,40
    2,Bo,50
    """
    cohort = cohort_of(tmp_path, data, {"age": {"measure": "age_y"}})
    assert cohort.variables == ("age_y",)


def test_a_construct_is_orientation_times_value(tmp_path: Path) -> None:
    data = """
    id,slr,age
    1,60,40
    2,80,50
    """
    columns = {"slr": {"measure": "slr_passive_deg"}, "age": {"measure": "age_y"}}
    cohort = cohort_of(tmp_path, data, columns, constructs={"ham_tight": "slr_passive_deg", "age": "age_y"})
    assert values(cohort, "slr_passive_deg") == [60, 80]
    assert values(cohort, "ham_tight") == [-60, -80]
    assert values(cohort, "age") == [40, 50]


def test_a_unit_is_converted(tmp_path: Path) -> None:
    data = """
    id,height,weight,ppt,vas,sit
    1,70,150,3,4.5,240
    2,60,120,2,2.5,360
    """
    columns = {
        "height": {"measure": "height_cm", "unit": "inch"},
        "weight": {"measure": "weight_kg", "unit": "lb"},
        "ppt": {"measure": "ppt_utrap_kpa", "unit": "kg/cm2"},
        "vas": {"measure": "neck_vas_mm", "unit": "cm"},
        "sit": {"measure": "sit_h_day", "unit": "min/day"},
    }
    cohort = cohort_of(tmp_path, data, columns, derive=["bmi"])
    assert values(cohort, "height_cm") == [177.8, 152.4]
    assert values(cohort, "weight_kg") == [68.038856, 54.431084]
    assert values(cohort, "ppt_utrap_kpa") == [294.1995, 196.133]
    assert values(cohort, "neck_vas_mm") == [45, 25]
    assert values(cohort, "sit_h_day") == [4, 6]
    assert values(cohort, "bmi") == [21.522538, 23.435653]


@pytest.mark.parametrize(
    ("convention", "reading"), [("deficit", 30), ("included", 150), ("from_flexed90", 60)], ids=str
)
def test_three_ways_to_write_one_knee_angle(tmp_path: Path, convention: str, reading: int) -> None:
    data = f"id,ake\n1,{reading}\n2,{reading + (10 if convention == 'deficit' else -10)}\n"
    cohort = cohort_of(tmp_path, data, {"ake": {"measure": "ake_deficit_deg", "convention": convention}})
    assert values(cohort, "ake_deficit_deg") == [30, 40]


def test_a_convention_is_never_guessed(tmp_path: Path) -> None:
    lines = lines_of(tmp_path, "id,ake\n1,30\n2,40\n", {"ake": {"measure": "ake_deficit_deg"}})
    assert lines == [
        "config/cohorts/c.yaml:8:3: column `ake` does not say which convention of `ake_deficit_deg` it follows. Add "
        "`convention:` with one of `deficit` (a straight knee reads 0), `included` (a straight knee reads 180 (angle "
        "between thigh and shank)), `from_flexed90` (zeroed at 90 degrees of flexion; a straight knee reads 90). It is "
        "never guessed."
    ]


def test_declared_codes_are_missing_and_a_legal_99_survives(tmp_path: Path) -> None:
    data = """
    id,vas,cva
    1,99,50
    2,40,999
    3,999,48
    """
    columns = {"vas": {"measure": "neck_vas_mm", "unit": "mm", "missing_codes": [999]}, "cva": {"measure": "cva_deg"}}
    cohort = cohort_of(tmp_path, data, columns, missing_codes=[999, 99])
    assert values(cohort, "neck_vas_mm") == [99, 40, None]
    assert values(cohort, "cva_deg") == [50, None, 48]


def test_words_of_the_dictionary_are_understood_and_numbers_need_codes(tmp_path: Path) -> None:
    words = cohort_of(tmp_path, "id,sex\n1,m\n2,Kvinna\n3,w\n", {"sex": {"measure": "sex"}})
    assert values(words, "sex") == [0, 1, 1]
    column = {"sex": {"measure": "sex", "codes": {1: "male", 2: "female"}}}
    assert values(cohort_of(tmp_path, "id,sex\n1,1\n2,2\n3,2\n", column), "sex") == [0, 1, 1]
    lines = lines_of(tmp_path, "id,sex\n1,1\n2,2\n3,2\n", {"sex": {"measure": "sex"}})
    assert lines == [
        "data/people.csv: fewer than 10 values of column `sex` are bare numbers, which files use differently "
        "(config/cohorts/c.yaml:8:3). Say what they mean, for example `codes: {0: male, 1: female}`."
    ]


def test_sides_are_averaged_and_one_stands_in_for_the_other(tmp_path: Path) -> None:
    data = """
    id,l,r
    1,60,70
    2,80,
    3,,50
    4,,
    """
    columns = {
        "l": {"measure": "slr_passive_deg", "side": "left"},
        "r": {"measure": "slr_passive_deg", "side": "right"},
    }
    cohort = cohort_of(tmp_path, data, columns)
    assert cohort.n == 3  # nobody measured nothing
    assert values(cohort, "slr_passive_deg") == [65, 80, 50]
    assert values(cohort, "slr_passive_deg_side_imputed") == [0, 1, 1]
    assert values(cohort, "slr_passive_deg_asym") == [10, None, None]
    assert values(cohort, "slr_passive_deg_worst") == [60, 80, 50]


def test_the_third_of_an_identity_is_derived(tmp_path: Path) -> None:
    columns = {"PI": {"measure": "xr_pi_deg"}, "PT": {"measure": "xr_pt_deg", "convention": "anterior_positive"}}
    cohort = cohort_of(tmp_path, "id,PI,PT\n1,52,-12\n2,60,-20\n", columns)
    assert values(cohort, "xr_pt_deg") == [12, 20]
    assert values(cohort, "xr_ss_deg") == [40, 40]


def test_an_item_is_matched_by_its_name(tmp_path: Path) -> None:
    data = """
    id,q2,q1
    1,9,1
    2,2,1
    """
    columns = {"q1": {"measure": "ndi_pct", "item": "lifting"}, "q2": {"measure": "ndi_pct", "item": "drivin"}}
    assert lines_of(tmp_path, data, columns)[0] == (
        "config/cohorts/c.yaml:13:5: `drivin` is not an item of `ndi_pct`. Did you mean `driving`?"
    )


SIDED = "id,l,r,hurt,age\n1,60,70,R,40\n2,80,50,li,50\n3,66,,dx,60\n4,71,75,both,30\n"
BOTH = {
    "l": {"measure": "slr_passive_deg", "side": "left"},
    "r": {"measure": "slr_passive_deg", "side": "right"},
    "age": {"measure": "age_y"},
}


@pytest.mark.parametrize(
    ("side", "expected"),
    [
        ("mean", [-65, -65, -66, -73]),
        ("left", [-60, -80, -66, -71]),
        ("right", [-70, -50, None, -75]),
        ("affected", [-70, -80, None, None]),
        ("worst", [-60, -50, -66, -71]),
    ],
)
def test_a_construct_may_stand_for_one_side(tmp_path: Path, side: str, expected: list[float | None]) -> None:
    constructs = {"ham_tight": {"measure": "slr_passive_deg", "side": side}}
    cohort = cohort_of(tmp_path, SIDED, BOTH, affected_side="hurt", constructs=constructs)
    assert values(cohort, "ham_tight") == expected
    assert cohort.constructs == {"ham_tight": "slr_passive_deg"}
    told = [finding.what for finding in cohort.findings if "alone, as the yaml says" in finding.what]
    assert told == ([] if side == "mean" else [f"construct `ham_tight` is the {side} side alone, as the yaml says"])


def test_a_side_that_is_not_there_is_refused(tmp_path: Path) -> None:
    one = {"l": BOTH["l"], "age": BOTH["age"]}
    chosen = {"ham_tight": {"measure": "slr_passive_deg", "side": "right"}}
    assert lines_of(tmp_path, SIDED, one, constructs=chosen) == [
        "config/cohorts/c.yaml:10:5: no column holds the right side of `slr_passive_deg`. "
        "Map one, or take another side."
    ]
    chosen["ham_tight"]["side"] = "affected"
    assert lines_of(tmp_path, SIDED, BOTH, constructs=chosen) == [
        "config/cohorts/c.yaml:10:5: nothing says which side is affected. "
        "Add `affected_side:` with the column that does."
    ]


def test_a_picture_of_each_visit_in_one_row(tmp_path: Path) -> None:
    data = """
    id,age,c7x_1,c7y_1,tx_1,ty_1,c7x_2,c7y_2,tx_2,ty_2
    1,40,0,0,10,-10,0,0,10,-20
    2,50,5,5,15,-15,5,5,15,-5
    """
    columns = {"age": {"measure": "age_y"}}
    for visit, name in (("1", "before"), ("2", "after")):
        for head, landmark in (("c7", "c7"), ("t", "tragus")):
            for axis in ("x", "y"):
                columns[f"{head}{axis}_{visit}"] = {"landmark": landmark, "axis": axis, "visit": name}
    keys = {"constructs": {"head_fwd": "cva_deg"}, "design": "longitudinal", "landmarks": {"facing": "right"}}
    cohort = cohort_of(tmp_path, data, columns, **keys)
    assert cohort.extra["visits"] == ["before", "after"]
    assert values(cohort, "cva_deg_before") == [45, 63.434949]
    assert values(cohort, "cva_deg_after") == [63.434949, 45]
    assert values(cohort, "head_fwd") == [-45, -63.434949]


def test_a_plumb_line_nobody_marked_is_refused(tmp_path: Path) -> None:
    columns = {f"{name}{axis}": {"landmark": name, "axis": axis} for name in ("c7", "tragus") for axis in ("x", "y")}
    landmarks = {"facing": "right", "plumb": ["up", "down"]}
    said = lines_of(tmp_path, "id,c7x,c7y,tragusx,tragusy\n1,0,0,1,-1\n", columns, landmarks=landmarks)
    assert len([line for line in said if "of the plumb line" in line]) == 2
