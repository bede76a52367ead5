"""Every number of every golden model against lavaan: in process, and through the command line."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from kinechain.cli import main
from kinechain.comparison import compare_fits
from kinechain.estimators import fit_model
from kinechain.fit_record import fit_record
from tests.golden.lavaan_cases import REFERENCE, Case, Difference, differences, own_cases, reference_cases
from tests.tolerances import (
    GOLDEN_ESTIMATE,
    GOLDEN_FIXED,
    GOLDEN_INDEX,
    GOLDEN_LARGE,
    GOLDEN_MODIFICATION,
    GOLDEN_STANDARDISED,
    GOLDEN_STATISTIC,
    GOLDEN_STD_ERROR,
    RESIDUAL_OF_NOTHING,
)

STATISTICS = ("chisq", "logl", "unrestricted", "aic", "bic", "baseline")
BY_COMMAND = (
    "chain_fiml",
    "groups_labels",
    "cluster_chain",
    "loop_correlations",
    "growth_groups",
    "mlr_factors",
    "ordered_groups_equal",
    "observed_product",
    "moments_intercept",
    "moments_growth",
)
# One factor's scale there is tied to nothing else, so that lavaan's indices rest on a singular information matrix.
NO_INDICES = ("product_indicators",)
# With ordered outcomes lavaan divides each group's covariance of the statistics by the people of all groups.
NO_RESIDUALS = ("ordered_groups", "ordered_groups_equal")
# lavaan's own answer has a negative variance (or impossible latent correlations), which it tells in a warning.
IMPROPER = ("product_indicators",)


def _key(row: dict[str, Any]) -> tuple[str, str, str, int]:
    return row["lhs"], row["op"], row["rhs"], 0 if row["op"] == ":=" else int(row.get("group") or 1)


def _found(
    rows: dict[tuple[str, str, str, int], dict[str, Any]], key: tuple[str, str, str, int]
) -> dict[str, Any] | None:
    lhs, op, rhs, group = key
    return rows.get(key) or (rows.get((rhs, op, lhs, group)) if op == "~~" else None)


def _off(name: str, found: float | None, expected: float | None, tolerance: float) -> list[str]:
    if expected is None:
        return []
    if found is None or not math.isfinite(found) or abs(found - expected) > tolerance:
        return [f"{name}: {found} is not {expected} (tolerance {tolerance:.2g})"]
    return []


def _compare_parameters(case: Case, record: dict[str, Any]) -> list[str]:
    rows = {_key(row): row for row in record["parameters"]}
    off = []
    for expected in case.expected["parameters"]:
        key = _key(expected)
        found = _found(rows, key)
        if found is None:
            off.append(f"{key} is missing")
            continue
        error = expected.get("se") or 0.0
        if not case.is_partial:
            near = GOLDEN_ESTIMATE * error + GOLDEN_FIXED * max(1.0, abs(expected["est"]))
            off += _off(f"{key} est", found["est"], expected["est"], near)
            if error:
                off += _off(f"{key} se", found["se"], error, GOLDEN_STD_ERROR * error)
            off += _off(
                f"{key} std_lv",
                found["std_lv"],
                expected.get("std.lv"),
                GOLDEN_STANDARDISED * max(1.0, abs(expected["est"])),
            )
        if expected["op"] == "~*~":  # lavaan writes 1; a scale has no standardised form
            continue
        off += _off(f"{key} std_all", found["std_all"], expected.get("std.all"), GOLDEN_STANDARDISED)
        error = expected.get("std.all.se")
        if error:
            off += _off(f"{key} std_all_se", found["std_all_se"], error, GOLDEN_STD_ERROR * error + 1e-6)
    if not case.is_partial:
        known = {_key(row) for row in case.expected["parameters"]}
        known |= {(rhs, op, lhs, group) for lhs, op, rhs, group in known if op == "~~"}
        off += [f"{key} is not lavaan's" for key in rows if key not in known and key[1] not in ("==", "<", ">")]
    return off


def _compare_measures(case: Case, record: dict[str, Any]) -> list[str]:
    off = []
    for name, expected in case.expected["fit_measures"].items():
        own = name.replace(".", "_")
        if own in record["undefined"]:
            continue
        is_statistic = own.startswith(STATISTICS)
        near = GOLDEN_STATISTIC + GOLDEN_LARGE * abs(expected or 0.0) if is_statistic else GOLDEN_INDEX
        off += _off(name, record["fit_measures"].get(own), expected, near)
    return off


def _compare_indices(case: Case, record: dict[str, Any]) -> list[str]:
    """Modification indices, where lavaan and this engine ask the same question.

    Arrows into given covariates are left out: lavaan keeps their moments fixed, here they become parameters.
    """
    if case.name in NO_INDICES:
        return []
    rows = {_key(row): row for row in record["modification_indices"]}
    given = {row["lhs"] for row in record["parameters"] if row["exo"]}
    off = []
    for expected in case.expected.get("modification_indices") or []:
        if expected["lhs"] in given or expected["op"] in ("~*~", "|"):
            continue
        found = _found(rows, _key(expected)) or {}
        near = GOLDEN_INDEX + GOLDEN_MODIFICATION * abs(expected["mi"])
        off += _off(f"mi {_key(expected)}", found.get("mi"), expected["mi"], near)
    return off


def _compare_residuals(case: Case, record: dict[str, Any]) -> list[str]:
    """Residuals over their standard errors, where lavaan offers them and they are not rounding over rounding."""
    if case.name in NO_RESIDUALS:
        return []
    rows = {(row["lhs"], row["rhs"], row["group"]): row for row in record["residuals"]}
    off = []
    for expected in case.expected.get("residuals") or []:
        lhs, rhs, group = expected["lhs"], expected["rhs"], expected["group"]
        found = rows.get((lhs, rhs, group)) or rows.get((rhs, lhs, group))
        for kind in ("normalised", "standardised"):
            value = expected[kind]
            if not value or (found and abs(found["normalised"] or 0.0) < RESIDUAL_OF_NOTHING):
                continue
            off += _off(f"{kind} {lhs} {rhs} {group}", (found or {}).get(kind), value, GOLDEN_INDEX * (1 + abs(value)))
    return off


def _compare(case: Case, record: dict[str, Any]) -> list[str]:
    assert record["status"] == ("improper" if case.name in IMPROPER else "converged")
    return (
        _compare_parameters(case, record)
        + _compare_measures(case, record)
        + _compare_indices(case, record)
        + _compare_residuals(case, record)
    )


@pytest.mark.parametrize("case", own_cases(), ids=lambda case: case.name)
def test_fit_equals_lavaans(case: Case) -> None:
    assert _compare(case, fit_record(fit_model(case.spec(), case.data()))) == []


@pytest.mark.skipif(
    not REFERENCE.is_dir(), reason=f"the reference answers are not beside the repository ({REFERENCE.name})"
)
@pytest.mark.parametrize("case", reference_cases(), ids=lambda case: case.name)
def test_fit_equals_the_reference(case: Case) -> None:
    assert _compare(case, fit_record(fit_model(case.spec(), case.data()))) == []


@pytest.mark.parametrize("case", differences(), ids=lambda case: case.name)
def test_a_test_of_nested_models_equals_lavaans(case: Difference) -> None:
    restricted, general = (fit_model(spec, case.data()) for spec in case.specs())
    found, expected = compare_fits(restricted, general), case.expected
    assert found.df_difference == expected["df_difference"]
    assert found.is_scaled == ("Scaled" in expected["method"])
    near = GOLDEN_STATISTIC + GOLDEN_LARGE * expected["chisq_difference"]
    assert found.chisq_difference == pytest.approx(expected["chisq_difference"], abs=near)
    assert found.p_value == pytest.approx(expected["p_value"], abs=GOLDEN_INDEX)


@pytest.mark.parametrize(
    "case", [case for case in own_cases() + reference_cases() if case.name in BY_COMMAND], ids=lambda case: case.name
)
def test_the_command_line_equals_lavaan(case: Case, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answer = tmp_path / "fit.json"
    assert main(case.command(tmp_path / "model.lav", answer)) == 0
    assert "converged" in capsys.readouterr().out
    assert _compare(case, json.loads(answer.read_text(encoding="utf-8"))) == []
