"""Which models does a cohort get, and is what it lacks told?"""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from kinechain.errors import UserError
from kinechain.study import check_study, load_study

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "config", tmp_path / "config")
    shutil.copytree(ROOT / "data" / "demo", tmp_path / "data" / "demo")
    edit(
        tmp_path / "config" / "config.yaml", cohorts=["demo_clinic"], models=["M1_chain", "M3_radiographic", "M8_gaze"]
    )
    return tmp_path


def edit(path: Path, **changes: object) -> None:
    content = yaml.safe_load(path.read_text("utf-8")) | changes
    path.write_text(yaml.safe_dump({key: value for key, value in content.items() if value is not None}), "utf-8")


def without(folder: Path, *names: str) -> None:
    """Take constructs from the demo cohort."""
    path = folder / "config" / "cohorts" / "demo_clinic.yaml"
    constructs = yaml.safe_load(path.read_text("utf-8"))["constructs"]
    edit(path, constructs={name: measure for name, measure in constructs.items() if name not in names})


def test_a_whole_cohort_gets_every_model(folder: Path) -> None:
    study = load_study(folder)
    assert study.models_of("demo_clinic") == ("M1_chain", "M3_radiographic", "M8_gaze")
    assert study.left_out("demo_clinic") == {}


def test_a_model_whose_construct_was_not_measured_is_left_out_by_name(folder: Path) -> None:
    without(folder, "gaze", "psych")
    study = load_study(folder)
    assert study.left_out("demo_clinic") == {"M8_gaze": ("gaze",)}, "a covariate of a macro is not needed"
    assert study.models_of("demo_clinic") == ("M1_chain", "M3_radiographic")


def test_a_cohort_says_who_could_enter_and_why_so_many(folder: Path) -> None:
    file = folder / "config" / "cohorts" / "demo_clinic.yaml"
    assert load_study(folder).about("demo_clinic") == {}
    condition = {"column": "AGE", "at_least": 18, "reason": "Adults"}
    edit(file, recruitment="Whoever came.", sample_size=" For 0.1 SD. ", eligibility=[condition])
    study = load_study(folder)
    told = {"recruitment": "Whoever came.", "sample_size": "For 0.1 SD.", "eligibility": ["Adults"]}
    assert study.about("demo_clinic") == told
    assert not check_study(study)
    edit(file, sample_size="")
    with pytest.raises(UserError, match="sample_size"):
        load_study(folder)


def test_what_a_cohort_asks_for_by_name_has_to_be_there(folder: Path) -> None:
    without(folder, "gaze")
    edit(folder / "config" / "cohorts" / "demo_clinic.yaml", models=["M8_gaze"])
    study = load_study(folder)
    assert study.left_out("demo_clinic") == {}
    assert any("`gaze` is not a column of the data" in problem.what for problem in check_study(study))


def test_a_cohort_that_can_bear_no_model_is_refused(folder: Path) -> None:
    without(folder, "lumbar_flat")
    (problem,) = [one for one in check_study(load_study(folder)) if "no model of the study" in one.what]
    assert problem.where == "config/cohorts/demo_clinic.yaml"
    assert "`lumbar_flat`" in problem.what


def test_a_misspelt_construct_is_an_error_and_not_a_want(folder: Path) -> None:
    path = folder / "config" / "models" / "M1_chain.yaml"
    path.write_text(path.read_text("utf-8").replace("~ b*pelvis_post", "~ b*pelvis_psot"), "utf-8")
    study = load_study(folder)
    assert study.left_out("demo_clinic") == {}
    assert any("pelvis_psot" in problem.what for problem in check_study(study))


def test_a_wrong_shape_does_not_hide_what_a_draft_leaves_open(folder: Path) -> None:
    path = folder / "config" / "cohorts" / "demo_clinic.yaml"
    columns = yaml.safe_load(path.read_text("utf-8"))["columns"]
    columns["PT"]["undecided"] = ["which way is positive?"]
    edit(path, columns=columns, design="undecided")
    with pytest.raises(UserError) as told:
        load_study(folder)
    assert [line for line in str(told.value).splitlines() if "design" in line]
    assert [line for line in str(told.value).splitlines() if "column `PT` is undecided: which way" in line]


def test_planning_a_study_loads_no_tables():
    """Every start of snakemake would pay for it: a study with nothing to do is asked often."""
    asked = "import sys, kinechain.preflight, kinechain.registration, kinechain.sources, kinechain.study_preflight"
    done = subprocess.run(
        [sys.executable, "-c", f"{asked}; print({{'pandas', 'scipy', 'networkx', 'pyarrow'}} & set(sys.modules))"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "set()"
