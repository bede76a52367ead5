"""A study computed again: reproduced when nothing changed, and each change named for what it is."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import yaml

from benchmarks.tampering import tamper
from kinechain import io
from kinechain.manifest import seal
from tests.workflow.conftest import ROOT, TinyStudy, make_study
from tests.workflow.test_init import kinechain

pytestmark = [pytest.mark.workflow, pytest.mark.xdist_group("verify")]

MODEL = "M_lines"
EFFECTS = "reports/small/tables/effects.csv"


def rewrite(path: Path, change: dict[str, object]) -> None:
    content = yaml.safe_load(path.read_text(encoding="utf-8")) | change
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> TinyStudy:
    """One cohort without gaps in its three variables, one model by maximum likelihood."""
    study = make_study(tmp_path_factory.mktemp("verify") / "a study")
    config = study.folder / "config"
    equations = "pelvis_post ~ a*ham_tight + age\nlumbar_flat ~ b*pelvis_post + ham_tight + age\n"
    model = {
        "name": MODEL,
        "question": "Which lines?",
        "equations": equations,
        "estimator": "ml",
        "missing": "listwise",
    }
    (config / "models" / f"{MODEL}.yaml").write_text(yaml.safe_dump(model, sort_keys=False), encoding="utf-8")
    described = yaml.safe_load((config / "cohorts" / "demo_clinic.yaml").read_text(encoding="utf-8"))
    wanted = ("ham_tight", "pelvis_post", "lumbar_flat", "age")
    constructs = {name: described["constructs"][name] for name in wanted}
    columns = {name: one for name, one in described["columns"].items() if one["measure"] in constructs.values()}
    described |= {"columns": columns, "constructs": constructs, "models": [MODEL]}
    (config / "cohorts" / "small.yaml").write_text(yaml.safe_dump(described, sort_keys=False), encoding="utf-8")
    report = {"main_model": MODEL, "chain_model": MODEL, "chain": list(wanted[:3]), "contrast": 10}
    rewrite(config / "config.yaml", {"cohorts": ["small"], "models": [MODEL], "report": report})
    study.run()
    return study


@pytest.fixture
def study(small: TinyStudy, tmp_path: Path) -> TinyStudy:
    """A copy free to edit."""
    shutil.copytree(small.folder, tmp_path / "a study")
    return TinyStudy(tmp_path / "a study", small.workflow)


def reseal(study: TinyStudy, **changes: object) -> None:
    """The manifest as it would read had the study been made under other circumstances."""
    path = study.folder / "reports" / "manifest.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    for key, change in changes.items():
        content[key] = change(content[key]) if callable(change) else change
    path.write_text(json.dumps(content | {"sha256": seal(content)}), encoding="utf-8")


def test_an_undisturbed_study_is_reproduced(study: TinyStudy) -> None:
    shutil.copy(ROOT / "CITATION.cff", study.folder)
    before = study.published()
    done = study.run("verify")
    said = (study.folder / "logs" / "verify.log").read_text(encoding="utf-8")
    assert said.startswith("Reproduced: "), said
    assert said in done.stdout
    assert study.published() == before
    page = (study.folder / "reports" / "certificate.html").read_text(encoding="utf-8")
    assert ">REPRODUCED<" in page and "Nothing differs." in page
    check = yaml.safe_load((study.folder / "reports" / "codecheck.yml").read_text(encoding="utf-8"))
    assert set(check) == {"version", "paper", "manifest", "check_time", "summary"}
    assert check["paper"]["authors"] == [{"name": "kinechain maintainers"}]
    assert {"file": EFFECTS, "comment": "tables/effects.csv of cohort small"} in check["manifest"]


def test_edited_data_and_an_edited_table_are_told_apart(study: TinyStudy) -> None:
    table = study.folder / EFFECTS
    lines = table.read_text(encoding="utf-8").splitlines(keepends=True)
    cells = lines[1].split(",")
    cells[3] = "9.87654"
    table.write_text("".join([lines[0], ",".join(cells), *lines[2:]]), encoding="utf-8")
    data = study.folder / "data" / "demo" / "demo_clinic.csv"
    rows = data.read_text(encoding="utf-8").splitlines(keepends=True)
    data.write_text("".join(rows[:-1]), encoding="utf-8")
    done = kinechain("verify", cwd=study.folder)
    assert done.returncode == 1, done.stderr
    assert "Changed since: data: data/demo/demo_clinic.csv." in done.stdout
    assert "data/demo/demo_clinic.csv: differs [data]: says something else now" in done.stdout
    assert "reports/small/quality.json: differs [data]" in done.stdout
    assert f"{EFFECTS} (as it lies here): differs: is not the file that was published" in done.stdout
    assert "line 2 `estimate` is 9.87654, recomputed" in done.stdout
    assert ">NOT REPRODUCED<" in (study.folder / "reports" / "certificate.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_another_seed_stays_within_the_monte_carlo_error(study: TinyStudy) -> None:
    done = kinechain("verify", "--seed", "7", cwd=study.folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Changed since: randomness: seed 20260101 there, 7 here." in done.stdout
    assert f"{EFFECTS}: within its tolerance [randomness]" in done.stdout
    assert "small/M_lines/lumbar_flat~pelvis_post: within its tolerance [randomness]: a limit moved by" in done.stdout


def test_published_files_are_checked_without_computing(study: TinyStudy) -> None:
    done = kinechain("verify", "--published", cwd=study.folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("As published: ")
    (study.folder / EFFECTS).unlink()
    done = kinechain("verify", "--published", cwd=study.folder)
    assert done.returncode == 1
    assert f"{EFFECTS}: differs: is not here; `snakemake` makes it" in done.stdout


def test_an_edited_config_another_package_and_other_code_are_named(study: TinyStudy) -> None:
    study.edit("config/config.yaml", "draws: 1000", "draws: 1200")
    reseal(
        study,
        environment=lambda there: there | {"packages": there["packages"] | {"numpy": "1.0.0"}},
        code=lambda there: there | {"draw_effects": "0" * 12},
    )
    done = kinechain("verify", "--published", cwd=study.folder)
    assert done.returncode == 1
    here = np.__version__
    assert "Changed since: config: config/config.yaml, inference.draws 1000 there, 1200 here." in done.stdout
    assert "Changed since: code: draw_effects." in done.stdout
    assert f"Changed since: environment: numpy 1.0.0 there, {here} here." in done.stdout


def test_a_corrupted_or_missing_manifest_is_one_line(study: TinyStudy) -> None:
    path = study.folder / "reports" / "manifest.json"
    path.write_text(path.read_text(encoding="utf-8")[:5000], encoding="utf-8")
    done = kinechain("verify", cwd=study.folder)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1 and "this is not json" in done.stderr
    path.unlink()
    done = kinechain("verify", "--published", cwd=study.folder)
    assert done.returncode == 2
    assert done.stderr.startswith("reports/manifest.json: there is no manifest to compare with.")


def test_the_committed_manifest_is_the_one_compared_with(study: TinyStudy) -> None:
    def git(*words: str) -> None:
        who = ("-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false")
        subprocess.run(["git", *who, *words], cwd=study.folder, check=True, capture_output=True)

    git("init", "-q")
    git("add", "-f", "reports/manifest.json")
    git("commit", "-q", "-m", "Publish")
    reseal(study, verdicts={})
    done = kinechain("verify", "--published", cwd=study.folder)
    assert done.returncode == 0, done.stderr
    assert "in the manifest of commit " in done.stdout
    assert "Note: reports/manifest.json here is of a later run than the committed one." in done.stdout


def test_each_digit_changed_in_a_published_table_is_caught_and_named(study: TinyStudy) -> None:
    found = tamper(study.folder, 12)
    assert len({edit.file for edit in found}) > 3
    assert all(edit.is_caught and edit.is_alone and edit.is_named for edit in found), found


def test_a_number_is_traced_to_its_rules_and_inputs(study: TinyStudy) -> None:
    key = "effects/M_lines/lumbar_flat~pelvis_post/low"
    done = kinechain("trace", f"small/{key}", cwd=study.folder)
    assert done.returncode == 0, done.stderr
    ledger = io.read_json(study.folder / "reports" / "small" / "ledger.json")
    manifest = io.read_json(study.folder / "reports" / "manifest.json")
    assert done.stdout.startswith(f"small/{key}\n")
    assert f"  value     {ledger[key]['value']}" in done.stdout
    assert f"  seed      {ledger[key]['seed']}\n" in done.stdout
    assert f"  rule      draw_effects, code {manifest['code']['draw_effects']}" in done.stdout
    digest = manifest["files"]["data/demo/demo_clinic.csv"]["sha256"][:12]
    assert f"  input     data/demo/demo_clinic.csv, sha256 {digest}" in done.stdout
    wrong = kinechain("trace", key.replace("pelvis", "pelivs"), cwd=study.folder)
    assert wrong.returncode == 2
    assert f"Did you mean `{key}`" in wrong.stderr


def test_the_run_is_recorded_beside_the_results(small: TinyStudy) -> None:
    run = io.read_json(small.folder / "reports" / "run.json")
    assert {"build_cohort", "fit_model", "draw_effects", "write_report"} <= set(run["rules"])
    assert run["machine"]["python"] and run["date"]
    manifest = (small.folder / "reports" / "manifest.json").read_text(encoding="utf-8")
    assert "run.json" not in manifest and run["date"][:10] not in manifest


def test_a_twin_gives_the_papers_linear_numbers_without_the_data(study: TinyStudy) -> None:
    study.run("reports/small/twin")
    rows = io.read_table(study.folder / "reports/small/twin/twin.csv")
    assert set(rows["synthetic_twin"]) == {"for reproducing, not for discovery"}
    shutil.rmtree(study.folder / "data")
    done = kinechain("twin", "small", "--verify", cwd=study.folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "M_lines: coefficients and standard errors are the same" in done.stdout
    assert "published paths are the twin's to their last digit" in done.stdout and " of " not in done.stdout
    page = (study.folder / "reports/small/twin/twin.html").read_text(encoding="utf-8")
    assert "FOR REPRODUCING, NOT FOR DISCOVERY" in page
    edited = rows.assign(pelvis_post=rows["pelvis_post"] * 1.001)
    io.write_table(edited, study.folder / "reports/small/twin/twin.csv", digits=17)
    done = kinechain("twin", "small", "--verify", cwd=study.folder)
    assert done.returncode == 1 and "NOT the same" in done.stdout


def test_deviations_from_the_registration_reach_the_report(study: TinyStudy) -> None:
    done = kinechain("freeze", cwd=study.folder)
    assert done.returncode == 0, done.stderr
    assert "these cohorts were analysed before it: small" in done.stdout
    study.edit("config/config.yaml", "contrast: 10", "contrast: 5")
    study.run("reports/small/report.html")
    page = (study.folder / "reports/small/report.html").read_text(encoding="utf-8")
    assert "config/config.yaml: report.contrast" in page and "NO REASON GIVEN" in page
