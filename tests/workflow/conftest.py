"""A study small enough to build in seconds: the demo config on the first people of the demo cohort."""

import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PEOPLE = 150
DRAWS = 1000
MODELS = ["M0_independent", "M1_chain", "M2_chain_open", "MT_total_effect", "M1_chain_joint", "M6_reverse_joint"]

OF_ONE_RUN = ("run.json", "run.html", "certificate.html", "certificate_pictures.html", "codecheck.yml")


@dataclass(frozen=True)
class TinyStudy:
    """A study folder and the workflow that runs it (the repository's own, or a copy to edit)."""

    folder: Path
    workflow: Path

    def run(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"PYTHONPATH": str(self.workflow / "workflow"), "OMP_NUM_THREADS": "1"}
        command = [
            *(sys.executable, "-m", "snakemake", "--snakefile", str(self.workflow / "Snakefile")),
            *("--directory", str(self.folder), "--cores", "2", "--workflow-profile", "none", "--scheduler", "greedy"),
            *words,
        ]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=self.folder, check=False)
        if check and done.returncode:
            logs = "\n".join(path.read_text() for path in sorted((self.folder / "logs").rglob("*.log")))
            pytest.fail(f"snakemake ended with {done.returncode}\n{done.stderr[-4000:]}\n{logs[-3000:]}")
        return done

    def edit(self, name: str, old: str, new: str) -> None:
        path = self.folder / name
        text = path.read_text(encoding="utf-8")
        assert old in text, f"{name} does not hold {old!r}"
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    def published(self) -> dict[str, str]:
        """Digest of every published file; what belongs to one run is not among them."""
        paths = (path for path in (self.folder / "reports").rglob("*") if path.is_file())
        files = (path for path in paths if path.name[0] != "." and path.name not in OF_ONE_RUN)
        return {
            path.relative_to(self.folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(files)
        }

    def planned(self) -> set[tuple[str, str]]:
        """Jobs snakemake would run now: (rule, its wildcards as snakemake prints them)."""
        done = self.run("--dry-run")
        text = done.stdout + done.stderr
        jobs, rule = set(), ""
        for line in text.splitlines():
            stripped = line.strip()
            if stripped.startswith(("rule ", "localrule ")):
                rule = stripped.split()[1].rstrip(":")
                jobs.add((rule, ""))
            elif stripped.startswith("wildcards:") and rule:
                jobs.discard((rule, ""))
                jobs.add((rule, stripped.removeprefix("wildcards:").strip()))
        return jobs


def make_study(folder: Path, workflow: Path = ROOT) -> TinyStudy:
    """A study of two cohorts, one of people and one of published moments, in `folder`."""
    shutil.copytree(ROOT / "config", folder / "config")
    for name in ("demo", "published"):
        shutil.copytree(ROOT / "data" / name, folder / "data" / name)
    config = yaml.safe_load((folder / "config" / "config.yaml").read_text(encoding="utf-8"))
    config["cohorts"] = ["demo_clinic", "vertebral_normals"]
    config["models"] = MODELS
    config["inference"]["draws"] = DRAWS
    (folder / "config" / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    data = folder / yaml.safe_load((folder / "config" / "cohorts" / "demo_clinic.yaml").read_text("utf-8"))["file"]
    data.write_text("".join(data.read_text(encoding="utf-8").splitlines(keepends=True)[: PEOPLE + 1]), encoding="utf-8")
    return TinyStudy(folder, workflow)


@pytest.fixture(scope="session")
def built_study(tmp_path_factory: pytest.TempPathFactory) -> TinyStudy:
    """A tiny study, built once; tests that change it work on a copy."""
    study = make_study(tmp_path_factory.mktemp("built") / "a study")
    study.run()
    return study


@pytest.fixture
def study(built_study: TinyStudy, tmp_path: Path) -> TinyStudy:
    """A copy of the built study, times kept, free to edit."""
    folder = tmp_path / "a study"
    shutil.copytree(built_study.folder, folder)
    return TinyStudy(folder, built_study.workflow)
