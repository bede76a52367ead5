"""The ledger: numbers under keys, each once, printed to the digit their error supports."""

import json

import pytest

from kinechain.ledger import Ledger, UnknownKeyError
from kinechain.rounding import MINUS, count_text, decimals_for, number_text, p_text, percent_text


@pytest.mark.parametrize(
    ("error", "decimals"),
    [(0.048, 2), (0.012, 3), (0.0012, 4), (0.3, 1), (1.4, 1), (4.0, 0), (12.0, 0), (0.0, 2), (float("nan"), 2)],
)
def test_decimals_follow_the_standard_error(error: float, decimals: int) -> None:
    assert decimals_for(error) == decimals


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (0.34567, 0.048, "0.35"),
        (-0.0004, 0.05, "0.00"),
        (-0.126, 0.05, f"{MINUS}0.13"),
        (0.00243, 0.0011, "0.0024"),
        (None, None, "–"),
    ],
)
def test_an_estimate_is_printed_to_its_errors_digit(value: float | None, error: float | None, text: str) -> None:
    assert number_text(value, error) == text


@pytest.mark.parametrize(("p", "text"), [(0.0004, "< .001"), (0.0449, ".045"), (1.0, "1.000"), (float("nan"), "–")])
def test_p_has_three_decimals_and_no_leading_zero(p: float, text: str) -> None:
    assert p_text(p) == text


def test_counts_and_shares() -> None:
    assert count_text(9999) == "9999"
    assert count_text(10000) == "10\u202f000"
    assert percent_text(0.95) == "95 %"
    assert percent_text(0.975) == "97.5 %"


def test_an_unknown_key_names_the_closest() -> None:
    ledger = Ledger()
    ledger.number("claims/C04/estimate", 0.3, rule="estimate")
    with pytest.raises(
        UnknownKeyError,
        match=r"^The ledger has no number `claims/C05/estimate`\. Did you mean `claims/C04/estimate`\?$",
    ):
        ledger["claims/C05/estimate"]


def test_a_key_is_written_once() -> None:
    ledger = Ledger()
    ledger.count("cohort/n", 420, rule="people")
    ledger.count("cohort/n", 420, rule="people")
    with pytest.raises(ValueError, match="another content"):
        ledger.count("cohort/n", 421, rule="people")


def test_a_masked_count_holds_no_number() -> None:
    ledger = Ledger()
    ledger.count("missing/variable/x", 3, rule="people without a value", masked=True)
    entry = json.loads(ledger.to_json())["missing/variable/x"]
    assert entry["value"] is None
    assert not any(character.isdigit() for character in entry["text"])


def test_every_entry_has_the_promised_fields() -> None:
    ledger = Ledger()
    ledger.number("a", 0.123456789, error=0.04, rule="estimate", inputs=("x",), seed=7)
    assert json.loads(ledger.to_json()) == {
        "a": {"value": 0.123457, "error": 0.04, "text": "0.12", "rule": "estimate", "inputs": ["x"], "seed": 7}
    }
