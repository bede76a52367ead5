"""The same study through a queue: job scripts, a shared folder, no shared memory; the bytes published are the same."""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.workflow.conftest import ROOT, TinyStudy, make_study

PLUGINS = Path(sys.prefix) / "cluster"
COHORT = "vertebral_normals"

pytestmark = [
    pytest.mark.workflow,
    pytest.mark.xdist_group("study"),
    pytest.mark.skipif(
        not (PLUGINS / "snakemake_executor_plugin_cluster_generic").exists(),
        reason="the executor plugins are not installed (make cluster)",
    ),
]


def run_on_queue(folder: Path, *targets: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": f"{ROOT / 'workflow'}{os.pathsep}{PLUGINS}", "OMP_NUM_THREADS": "1"}
    command = [
        *(sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--directory", str(folder)),
        *("--workflow-profile", "none", "--profile", "profiles/queue", *targets),
    ]
    return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=folder, check=False)


def test_a_queue_publishes_the_same_bytes(built_study: TinyStudy, tmp_path: Path) -> None:
    study = make_study(tmp_path / "a study")
    shutil.copytree(ROOT / "profiles", study.folder / "profiles")
    done = run_on_queue(study.folder, f"reports/{COHORT}/report.html", f"reports/{COHORT}/tables/effects.csv")
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Submitted job" in done.stdout + done.stderr
    alone = built_study.published()
    made = study.published()
    assert f"reports/{COHORT}/report.html" in made
    assert {name: digest for name, digest in made.items() if alone.get(name) != digest} == {}


def test_a_job_that_was_short_of_memory_is_given_twice_as_much(tmp_path: Path) -> None:
    """A queue that ends each job below 800 MB: the second attempt gets through."""
    study = make_study(tmp_path / "a study")
    shutil.copytree(ROOT / "profiles", study.folder / "profiles")
    short = 'submit)\n  [ "$2" -ge 800 ] || { echo exit 137 >too_small.sh; set -- submit "$2" "$3" too_small.sh; }'
    study.edit("profiles/queue/queue.sh", "submit)", short)
    made = f"data/derived/{COHORT}/cohort.parquet"
    done = run_on_queue(study.folder, made)
    assert done.returncode == 0, done.stderr[-3000:]
    tried = [int(found) for found in re.findall(r"resources: .*\bmem_mb=(\d+)", done.stdout + done.stderr)]
    assert len(tried) == 2 and tried[1] == 2 * tried[0] >= 800
    assert (study.folder / "too_small.sh").exists() and (study.folder / made).exists()


def test_a_job_that_is_killed_ends_the_run_and_not_for_ever(tmp_path: Path) -> None:
    """Its end is never written; the queue sees that the process is gone."""
    queue = ROOT / "profiles" / "queue" / "queue.sh"

    def ask(*words: str) -> str:
        return subprocess.run(
            ["sh", str(queue), *words], cwd=tmp_path, capture_output=True, text=True, check=True
        ).stdout.strip()

    def settled(name: str) -> str:
        """The status, once the job no longer runs."""
        deadline = time.monotonic() + 50
        while (status := ask("status", name)) == "running" and time.monotonic() < deadline:
            time.sleep(0.1)
        return status

    job = tmp_path / "job.sh"
    job.write_text("exec sleep 60\n")
    name = ask("submit", "100", "1", str(job))
    assert ask("status", name) == "running"
    ask("cancel", name)
    assert settled(name) == "failed"
    job.write_text("exit 0\n")
    name = ask("submit", "100", "1", str(job))
    assert settled(name) == "success"
    job.write_text("exit 3\n")
    name = ask("submit", "100", "1", str(job))
    assert settled(name) == "failed"
