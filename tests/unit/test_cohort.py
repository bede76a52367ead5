"""The same people in many files are one cohort; the digest says so."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kinechain.cohort import Cohort
from kinechain.errors import UserError
from kinechain.preflight import load_cohort
from tests.fixtures.make_fixtures import make

SAME = (
    "f01",
    "f02",
    "f04",
    "f05",
    "f05_events",
    "f06",
    "f06_long",
    "f06_dta",
    "f07",
    "f07_ods",
    "f08",
    "f08_bom",
    "f09",
    "f10",
)


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("fixtures"))


def made_of(people: pd.DataFrame) -> Cohort:
    return Cohort("c", "C", people, None, {}, {}, "cross_sectional", "general", True)


@pytest.mark.parametrize("name", SAME)
def test_one_cohort_from_every_form_of_the_file(config: Path, name: str) -> None:
    assert load_cohort(name, config).digest == load_cohort("f01", config).digest


@pytest.mark.parametrize("name", ["f17", "f18"])
def test_a_yaml_is_enough_for_the_files_of_others(config: Path, name: str) -> None:
    assert load_cohort(name, config).digest == load_cohort(f"{name}_clean", config).digest


def test_swapped_labels_are_suspected_and_codes_against_them_are_told(config: Path) -> None:
    def warned(name: str) -> list[str]:
        return [finding.what for finding in load_cohort(name, config).findings if finding.level == "warning"]

    assert [what for what in warned("f17_believed") if "`sex` and `height_cm` correlate" in what]
    assert warned("f17") == [
        "values of column `sex` mean another level by `codes` than by the file's own labels",
        "values of column `lbp` mean another level by `codes` than by the file's own labels",
    ]
    assert warned("f17_clean") == []


def test_a_workbook_of_others_says_what_its_yaml_lacks(config: Path) -> None:
    with pytest.raises(UserError, match=r"Row 9 holds 8 of the mapped names: add `read: \{header_row: 9\}`"):
        load_cohort("f18_undecided", config)
    with pytest.raises(UserError) as error:
        load_cohort("f18_uncoded", config)
    said = str(error.value).split("\n")
    assert len(said) == 2
    assert all("are neither number nor known word" in line for line in said)
    assert "Some look like `female` and `male` mistyped" in said[0]


def test_what_the_clean_file_becomes(config: Path) -> None:
    cohort = load_cohort("f01", config)
    assert cohort.n == 24
    people = cohort.people
    assert people is not None
    assert people.loc[5, "neck_vas_mm"] == 99  # legal, undeclared
    assert people.loc[3, "slr_passive_deg_side_imputed"] == 1
    assert np.isfinite(people["ndi_pct"]).sum() == 23  # three items missing in one person
    assert np.isnan(people.loc[9, "head_fwd"])
    assert (people["ndi_total50"] * 2 - people["ndi_pct"]).abs().max() < 1e-12


def test_landmarks_give_the_angles_they_were_made_from(config: Path) -> None:
    clean, photo = (load_cohort(name, config).people for name in ("f01", "f12"))
    assert clean is not None
    assert photo is not None
    assert (photo["cva_deg"] - clean["cva_deg"].fillna(50)).abs().max() < 1e-9
    assert photo["fhd_mm"].between(40, 130).all()


def test_repeats_by_two_raters_replace_the_default_reliability(config: Path) -> None:
    entry = load_cohort("f15", config).extra["codebook"][0]
    assert entry["source"] == "this cohort: 2 raters, n = 20"
    assert 0.8 < entry["reliability"] < 1
    assert entry["reliability_low"] < entry["reliability"] < entry["reliability_high"]
    assert entry["limits"][0] < entry["bias"] < entry["limits"][1]
    raw = pd.read_csv(config.parent / "data" / "f15.csv")
    assert entry["bias"] == pytest.approx((raw["second"] - raw["first"]).mean())


@pytest.mark.parametrize("name", ["f13", "f13_upper", "f13_square"])
def test_a_triangle_is_completed(config: Path, name: str) -> None:
    moments = load_cohort(name, config).moments
    assert moments is not None
    sd = np.sqrt(np.diag(moments.covariance))
    place = moments.names.index
    r = moments.covariance[place("ll_cobb_deg"), place("xr_pt_deg")] / sd[place("ll_cobb_deg")] / sd[place("xr_pt_deg")]
    assert r == pytest.approx(0.303, abs=1e-12)
    assert sd[place("xr_pt_deg")] == pytest.approx(6.78 * np.sqrt(0.99), abs=1e-12)


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("f13_impossible", "data/f13_impossible.yaml: no people can have these correlations together"),
        ("f13_too_large", "data/f13_too_large.yaml: the correlation of `PT` with `PI` is 1.2, outside -1 to 1"),
        ("f14_twice", "data/f14_twice.csv: fewer than 10 ids of column `id` occur more than once"),
        ("f14_sites", "data/f14_sites.csv: fewer than 10 ids of column `id` occur at more than one site"),
        ("f14_visits", "data/f14_visits.csv: fewer than 10 falls of `age_y` between visits"),
        ("f16", "data/f16.csv: fewer than 10 values of column `slr_l` lie outside 10 to 140 deg"),
        ("f11_undeclared", "data/f11.csv: fewer than 10 values of column `cva` lie outside 20 to 80 deg"),
    ],
)
def test_what_is_wrong_is_said(config: Path, name: str, start: str) -> None:
    with pytest.raises(UserError) as caught:
        load_cohort(name, config)
    assert str(caught.value.problems[0]).startswith(start)


def test_a_singular_table_names_its_columns(config: Path) -> None:
    said = [finding.what for finding in load_cohort("f13_singular", config).findings]
    assert said == ["`xr_pi_deg`, `xr_pt_deg`, `xr_ss_deg` determine each other: no model may hold all of them"]


def test_missing_codes_of_every_kind(config: Path) -> None:
    people = load_cohort("f11", config).people
    assert people is not None
    assert people["cva_deg"].isna().sum() == 12
    assert people.loc[5, "neck_vas_mm"] == 99


def test_words_for_sides_in_many_languages(config: Path) -> None:
    people = load_cohort("f14_sides", config).people
    assert people is not None
    assert people["slr_passive_deg_right"].tolist() == [60, 62, 64, 66, 68]


def test_the_digest_sees_values_and_nothing_else() -> None:
    one = pd.DataFrame({"x": [1.0, np.nan, 3.0], "y": [0.1, 0.2, -1e-9], "arm": ["a", "b", ""]})
    same = made_of(one.sample(frac=1, random_state=1)[["arm", "y", "x"]])
    assert same.digest == made_of(one).digest
    nudged = one.copy()
    nudged["y"] *= 1 + 1e-13
    assert made_of(nudged).digest == made_of(one).digest
    for column, value in (("x", 1.00000001), ("y", 0.1000001), ("arm", "c")):
        changed = one.copy()
        changed.loc[0, column] = value
        assert made_of(changed).digest != made_of(one).digest
    swapped = one.assign(x=one["x"].to_numpy()[[2, 1, 0]])
    assert made_of(swapped).digest != made_of(one).digest
