"""Measures: units, conventions, and the one sign rule."""

from pathlib import Path

import numpy as np
import pytest

from kinechain import io, measures, schema

FILE = Path(__file__).resolve().parents[2] / "config" / "measures.yaml"


@pytest.fixture(scope="module")
def dictionary() -> measures.Dictionary:
    return measures.parse_dictionary(io.read_yaml(FILE))


def test_the_dictionary_has_the_right_shape_and_meaning(dictionary: measures.Dictionary) -> None:
    assert schema.check_shape(io.read_yaml(FILE), "measures", FILE) == []
    assert list(measures.dictionary_problems(dictionary)) == []


@pytest.mark.parametrize(
    ("cause", "effect", "raw_sign"),
    [
        ("slr_passive_deg", "pt_asis_psis_deg", 1),
        ("slr_passive_deg", "xr_pt_deg", -1),
        ("ll_cobb_deg", "tk_cobb_deg", -1),
        ("tk_cobb_deg", "cva_deg", -1),
        ("cva_deg", "ndi_total50", -1),
        ("slr_passive_deg", "ndi_total50", -1),
    ],
)
def test_expected_raw_signs_follow_from_orientation_alone(
    dictionary: measures.Dictionary, cause: str, effect: str, raw_sign: int
) -> None:
    assert dictionary[cause].orientation * dictionary[effect].orientation == raw_sign


def test_oriented_is_orientation_times_value_and_leaves_covariates_alone(dictionary: measures.Dictionary) -> None:
    x = np.array([1.0, np.nan])
    np.testing.assert_array_equal(dictionary["slr_passive_deg"].oriented(x), -x)
    np.testing.assert_array_equal(dictionary["tk_cobb_deg"].oriented(x), x)
    np.testing.assert_array_equal(dictionary["age_y"].oriented(x), x)


def test_every_convention_undoes_itself_onto_the_canonical_one(dictionary: measures.Dictionary) -> None:
    ake = dictionary["ake_deficit_deg"].conventions
    assert [
        float(ake[name](np.array([value]))[0])
        for name, value in (("deficit", 30), ("included", 150), ("from_flexed90", 60))
    ] == [30, 30, 30]


@pytest.mark.parametrize(
    ("unit", "canonical", "factor"),
    [
        ("kg/cm2", "kPa", 98.0665),
        ("lbf/in2", "kPa", 6.894757293168363),
        ("inch", "cm", 2.54),
        ("lb", "kg", 0.45359237),
        ("cm", "mm", 10.0),
        ("min/day", "hour/day", 1 / 60),
        ("rad", "deg", 180 / np.pi),
    ],
)
def test_units(dictionary: measures.Dictionary, unit: str, canonical: str, factor: float) -> None:
    assert dictionary.unit_map(unit, canonical).factor == pytest.approx(factor, rel=1e-12)


@pytest.mark.parametrize(
    ("unit", "canonical"),
    [
        ("deg", "percent"),
        ("kg", "cm"),
        ("points", "percent"),
        ("bananas", "cm"),
        ("9**9**9", "cm"),
        ("__import__('os')", "cm"),
        ("cm**", "cm"),
    ],
)
def test_what_is_no_unit_is_refused(dictionary: measures.Dictionary, unit: str, canonical: str) -> None:
    with pytest.raises(ValueError, match=r"unit|Cannot|different"):
        dictionary.unit_map(unit, canonical)


def test_a_measure_needs_a_known_construct_and_kind() -> None:
    entry = {"label": "x", "construct": "y", "orientation": 1, "unit": "cm", "hard": [5, 1]}
    wrong = measures.parse_dictionary({"constructs": {}, "measures": {"x": entry}})
    said = [str(problem) for problem in measures.dictionary_problems(wrong, "m.yaml")]
    assert said[0].startswith("m.yaml: measures.x: `construct: y` is not known")
    assert said[1] == "m.yaml: measures.x: the hard range is upside down. Write the lower end first."
