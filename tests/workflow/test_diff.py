"""The last run against an edited config: read from what the run left, drawn again with the same seed."""

import os
import subprocess
import sys

import pytest

from tests.workflow.conftest import TinyStudy

pytestmark = [pytest.mark.workflow, pytest.mark.xdist_group("study")]


def diff(study: TinyStudy, *words: str) -> str:
    environment = os.environ | {"PYTHONPATH": str(study.workflow / "workflow"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "kinechain.cli", "diff", "last-run", "--cohort", "demo_clinic", *words]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=study.folder, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_nothing_differs_right_after_a_run(built_study: TinyStudy) -> None:
    assert diff(built_study).endswith("\n0 of 6 models differ.\n")


def test_an_edited_model_differs_from_the_run_in_the_same_resamples(study: TinyStudy) -> None:
    study.edit("config/models/M1_chain.yaml", "~ b*pelvis_post + B_lumbar", "~ b*pelvis_post + age + sex")
    told = diff(study)
    assert told.endswith("\n1 of 6 models differ.\n")
    assert "    - bmi of lumbar_flat\n" in told
    assert "people on both sides, the same resamples." in told
