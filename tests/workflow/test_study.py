"""Does the study build, twice the same, and does an edit rerun what hangs on it and nothing else?"""

import json
import shutil
from pathlib import Path

import pytest
import yaml

from tests.workflow.conftest import ROOT, TinyStudy, make_study

pytestmark = [pytest.mark.workflow, pytest.mark.xdist_group("study")]

CONTRACT = ("claims.csv", "claims.json", "quality.json", "ledger.json", "report.html", "report.pdf")


def test_everything_named_in_the_contract_is_made(built_study: TinyStudy) -> None:
    for cohort in ("demo_clinic", "vertebral_normals"):
        folder = built_study.folder / "reports" / cohort
        for name in (*CONTRACT, "tables/effects.csv", "tables/fit.csv"):
            assert (folder / name).stat().st_size > 0, f"{cohort}/{name}"
        pictures = [path for path in (folder / "figures").glob("*.svg") if not path.stem.endswith("_plain")]
        assert pictures
        assert all(picture.with_suffix(".csv").exists() for picture in pictures)
    assert (built_study.folder / "reports" / "index.html").exists()


def test_manifest_holds_the_digest_of_every_published_file(built_study: TinyStudy) -> None:
    manifest = json.loads((built_study.folder / "reports" / "manifest.json").read_text(encoding="utf-8"))["files"]
    published = built_study.published()
    published.pop("reports/manifest.json")
    made = {name: entry["sha256"] for name, entry in manifest.items() if name.startswith("reports/")}
    assert made == published
    assert all(manifest[name]["made_by"] and manifest[name]["inputs"] for name in made)


def test_a_second_run_does_nothing(built_study: TinyStudy) -> None:
    before = built_study.published()
    done = built_study.run()
    assert "Nothing to be done" in done.stdout + done.stderr
    assert built_study.published() == before


def test_a_rebuild_elsewhere_gives_the_same_bytes(built_study: TinyStudy, tmp_path: Path) -> None:
    again = make_study(tmp_path / "ein anderes Büro")
    again.run("--cores", "1")
    assert again.published() == built_study.published()


def test_a_covariate_changed_in_one_model_reruns_that_model_only(study: TinyStudy) -> None:
    study.edit("config/models/M1_chain.yaml", "~ b*pelvis_post + B_lumbar", "~ b*pelvis_post + age + sex")
    jobs = study.planned()
    models = {rest for rule, rest in jobs if rule in ("fit_model", "draw_effects", "estimate_effects")}
    assert models == {"cohort=demo_clinic, model=M1_chain"}
    assert not any(rule == "build_cohort" for rule, _ in jobs)
    assert ("judge_claims", "cohort=demo_clinic") in jobs
    assert ("judge_claims", "cohort=vertebral_normals") not in jobs


def test_a_threshold_changed_judges_again_and_fits_nothing(study: TinyStudy) -> None:
    path = study.folder / "config" / "decisions.yaml"
    path.write_text(path.read_text(encoding="utf-8") + "\n# reread\n", encoding="utf-8")
    rules = {rule for rule, _ in study.planned()}
    assert "judge_claims" in rules
    assert "fit_model" not in rules


def test_a_model_and_a_measure_need_only_config(study: TinyStudy) -> None:
    measures = yaml.safe_load((study.folder / "config" / "measures.yaml").read_text(encoding="utf-8"))
    measures["measures"]["stride_cm"] = {**measures["measures"]["grip_kg"], "label": "Stride length", "unit": "cm"}
    (study.folder / "config" / "measures.yaml").write_text(yaml.safe_dump(measures, sort_keys=False), encoding="utf-8")
    cohort = yaml.safe_load((study.folder / "config" / "cohorts" / "demo_clinic.yaml").read_text(encoding="utf-8"))
    grip = next(name for name, entry in cohort["columns"].items() if entry["measure"] == "grip_kg")
    cohort["columns"][grip] = {**cohort["columns"][grip], "measure": "stride_cm"}
    (study.folder / "config" / "cohorts" / "demo_clinic.yaml").write_text(
        yaml.safe_dump(cohort, sort_keys=False), "utf-8"
    )
    (study.folder / "config" / "models" / "MX_mine.yaml").write_text(
        "name: MX_mine\nquestion: Does a new model need only config?\nequations: |\n  stride_cm ~ s*age + sex\n",
        "utf-8",
    )
    study.edit("config/config.yaml", "- M1_chain\n", "- M1_chain\n- MX_mine\n")
    study.run("reports/demo_clinic/tables/effects.csv")
    assert "MX_mine,stride_cm~age" in (study.folder / "reports/demo_clinic/tables/effects.csv").read_text("utf-8")


def test_an_edited_figure_redraws_and_refits_nothing(built_study: TinyStudy, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    shutil.copy(ROOT / "Snakefile", copy / "Snakefile")
    shutil.copytree(ROOT / "workflow", copy / "workflow", ignore=shutil.ignore_patterns("__pycache__"))
    folder = tmp_path / "a study"
    shutil.copytree(built_study.folder, folder)
    study = TinyStudy(folder, copy)
    forest = copy / "workflow" / "kinechain" / "figures" / "forest.py"
    forest.write_text(forest.read_text(encoding="utf-8") + "\n# edited\n", encoding="utf-8")
    rules = {rule for rule, _ in study.planned()}
    assert "draw_figures" in rules
    assert not rules & {"build_cohort", "fit_model", "draw_effects", "estimate_effects", "judge_claims"}
    effects = copy / "workflow" / "kinechain" / "effects.py"
    effects.write_text(effects.read_text(encoding="utf-8") + "\n# edited\n", encoding="utf-8")
    rules = {rule for rule, _ in study.planned()}
    assert {"fit_model", "draw_effects", "judge_claims", "draw_figures"} <= rules
    assert "build_cohort" not in rules


def test_a_mistake_in_config_stops_before_the_first_job(tmp_path: Path) -> None:
    study = make_study(tmp_path / "a study")
    study.edit("config/models/M1_chain.yaml", "~ b*pelvis_post", "~ b*pelvis_psot")
    study.edit("config/config.yaml", "draws:", "drwas:")
    done = study.run(check=False)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "drwas" in done.stderr and "Did you mean `draws`?" in done.stderr
    assert not (study.folder / "data" / "derived").exists()
    study.edit("config/config.yaml", "drwas:", "draws:")
    done = study.run(check=False)
    assert done.returncode == 2
    assert "pelvis_psot" in done.stderr and "Did you mean `pelvis_post` (deg, n " in done.stderr
    assert not list((study.folder / "reports").glob("*")) if (study.folder / "reports").exists() else True


def test_draws_are_the_same_bytes_from_one_job_many_jobs_and_any_number_of_cores(tmp_path: Path) -> None:
    """Draws shared out among jobs, one a chunk, must not be told from those of one job."""
    study = make_study(tmp_path / "shared draws")
    made = [f"data/derived/demo_clinic/{kind}/M2_chain_open.parquet" for kind in ("draws", "effects")]
    study.run(*made)
    before = [(study.folder / name).read_bytes() for name in made]
    config = study.folder / "config" / "config.yaml"
    config.write_text(config.read_text(encoding="utf-8") + "run: {seconds_a_job: 1.0e-6}\n", encoding="utf-8")
    for cores in ("1", "2"):
        for name in made:
            (study.folder / name).unlink()
        done = study.run("--cores", cores, *made)
        assert (done.stdout + done.stderr).count("rule draw_part:") == 2  # 1,000 draws are two chunks
        assert [(study.folder / name).read_bytes() for name in made] == before
    assert not list((study.folder / "data/derived/demo_clinic/draws").glob("*.*of*.parquet"))
