"""Whatever the model and the data: an answer or one clear line, soon, and no number from a failed fit."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from tests.properties.engine_cases import EngineCase, engine_cases, judge


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("engine")


@settings(
    max_examples=150,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(case=engine_cases())
def test_the_engine_answers_or_says_what_is_wrong(folder: Path, case: EngineCase) -> None:
    assert judge(case, folder).broken == ""
