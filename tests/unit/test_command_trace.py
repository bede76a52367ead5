"""Where a number came from, line by line."""

from pathlib import Path
from typing import Any

from kinechain.commands.trace import tell

CONFIG = ("config/config.yaml", "config/models/chain.yaml", "config/models/other.yaml")
MANIFEST: dict[str, Any] = {
    "code": {step: f"code_of_{step}" for step in ("build_cohort", "fit_model", "draw_effects", "write_report")},
    "drawn": {"clinic/chain/y~x": [0.3, 0.1, 0.5, 0.002, 0.004]},
    "files": {
        "reports/clinic/ledger.json": {"inputs": [*CONFIG, "data/clinic.csv"]},
        **{name: {"sha256": "0" * 64} for name in (*CONFIG, "data/clinic.csv")},
    },
}


def told(key: str, inputs: list[str]) -> list[str]:
    entry = {"text": "0.5", "value": 0.5, "error": 0.1, "rule": "a limit", "inputs": inputs, "seed": 7}
    return list(tell(Path("nowhere"), "clinic", key, entry, MANIFEST))


def test_a_drawn_limit_has_its_own_error_beside_that_of_the_estimate() -> None:
    lines = told("effects/chain/y~x/high", ["effects/chain"])
    assert "  value     0.5, standard error of the estimate 0.1" in lines
    assert "  draws     it moves by 0.004 (Monte Carlo standard error) with another seed" in lines


def test_a_number_of_one_model_comes_from_that_model_only() -> None:
    lines = told("effects/chain/y~x/estimate", ["effects/chain"])
    assert not [line for line in lines if line.startswith("  draws")]
    assert "  rule      fit_model, code code_of_fit_model" in lines
    assert [line.split(",")[0] for line in lines if line.startswith("  input")] == [
        "  input     config/config.yaml",
        "  input     config/models/chain.yaml",
        "  input     data/clinic.csv",
    ]


def test_a_number_of_a_trial_comes_from_its_analysis_and_from_no_model() -> None:
    lines = told("checks/contrasts/0/estimate", ["trial/contrasts.csv"])
    rules = [line.split(",")[0].split()[1] for line in lines if line.startswith("  rule")]
    assert rules == ["build_cohort", "analyse_trial", "write_report"]
    assert "  from      trial/contrasts.csv, sha256 not here" in lines


def test_a_count_of_people_comes_from_no_model() -> None:
    lines = told("cohort/n", ["cohort.parquet"])
    assert [line.split(",")[0] for line in lines if line.startswith("  input")] == [
        "  input     config/config.yaml",
        "  input     data/clinic.csv",
    ]
    assert not [line for line in lines if "fit_model" in line]
