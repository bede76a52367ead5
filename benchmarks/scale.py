"""What the workflow itself costs: seconds, jobs and CPU of a run, beside what its jobs' imports cost alone.

    python benchmarks/scale.py default [--page FILE.md]
    python benchmarks/scale.py many [--cohorts 50] [--models 10] [--profile profiles/queue] [--page FILE.md]

`default`: the default study in a copy of the repository, cold, with nothing to do (three times, the least told), after
one model changed and after one figure changed. `many`: so many cohorts of the demo, each with ten models, up to the
estimates of every model, on two cores; with --profile then once more through the queue of a profile, and what the two
runs made is compared byte by byte.

CPU of snakemake is its own process's; CPU of jobs is that of all other processes of a run, a queue's too. Imports are
timed alone: the modules each script imports at its top, in a fresh interpreter, the least of three. Overhead of a
job is the time that two cores had and no job used, shared among the jobs.
"""

from __future__ import annotations

import argparse
import csv
import ctypes
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
CORES = 2
BE_PARENT_OF_ORPHANS = 36
"""PR_SET_CHILD_SUBREAPER of Linux: what a queue detaches becomes this process's child, so that its CPU is known."""
TICKS = os.sysconf("SC_CLK_TCK")
KEPT = ("Snakefile", "workflow", "config", "data/demo", "data/published", "profiles", "environment.yml")


@dataclass(frozen=True)
class Run:
    """One run of snakemake: wall seconds, CPU of its own process and of its jobs, jobs by rule."""

    what: str
    wall: float
    own: float
    children: float
    jobs: Counter[str]

    @property
    def share(self) -> float:
        """Snakemake's share of all CPU."""
        return self.own / (self.own + self.children) if self.own + self.children else 0.0


def copy_repository(folder: Path) -> None:
    """The parts a run needs, free to edit."""
    for name in KEPT:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, folder / name)
    subprocess.run([sys.executable, "-m", "compileall", "-q", str(folder / "workflow" / "kinechain")], check=True)


def run_snakemake(what: str, folder: Path, *words: str, profile: str = "") -> Run:
    """Run snakemake in a folder and say what it took."""
    chosen = ["--profile", profile] if profile else ["--cores", str(CORES)]
    plugins = os.environ.get("PYTHONPATH", "")
    path = os.pathsep.join(
        part for part in (str(folder / "workflow"), plugins and str(Path(plugins).resolve())) if part
    )
    environment = os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "snakemake", *chosen, *words]
    told = folder.parent / "told.txt"
    before, begun = cpu_of_children(), time.monotonic()
    own = 0.0
    with told.open("w", encoding="utf-8") as out:
        run = subprocess.Popen(command, stdout=out, stderr=out, env=environment, cwd=folder)
        while run.poll() is None:
            try:
                fields = Path(f"/proc/{run.pid}/stat").read_text().rpartition(")")[2].split()
            except OSError:
                break
            own = sum(int(tick) for tick in fields[11:13]) / TICKS
            time.sleep(0.02)
        code = run.wait()
    wall = time.monotonic() - begun
    text = told.read_text("utf-8")
    if code:
        sys.exit(text[-4000:])
    return Run(
        what, wall, own, cpu_of_children() - before - own, Counter(re.findall(r"^(?:local)?rule (\w+):", text, re.M))
    )


def cpu_of_children() -> float:
    """CPU seconds of every process started from here that has ended, the jobs of a queue too; waits for all to end."""
    while True:
        try:
            os.wait()
        except ChildProcessError:
            break
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def import_seconds(folder: Path, script: Path) -> float:
    """CPU of importing what a script imports at its top, in a fresh interpreter: the least of three."""
    lines = [line for line in script.read_text("utf-8").splitlines() if re.match(r"(from|import) ", line)]
    block = script.read_text("utf-8").split("\ndef ")[0]
    code = block if "(\n" in block else "\n".join(lines)
    environment = os.environ | {"PYTHONPATH": str(folder / "workflow"), "OMP_NUM_THREADS": "1"}
    times = []
    for _ in range(3):
        before = os.times()
        subprocess.run([sys.executable, "-c", code], env=environment, check=True)
        after = os.times()
        times.append(after.children_user + after.children_system - before.children_user - before.children_system)
    return min(times)


def seconds_by_rule(folder: Path) -> dict[str, tuple[int, float]]:
    """Rule -> jobs and wall seconds of its jobs, from their benchmark files."""
    found: dict[str, tuple[int, float]] = {}
    for path in sorted((folder / "logs").rglob("*.tsv")):
        rule = path.parent.name if (ROOT / "workflow" / "scripts" / f"{path.parent.name}.py").exists() else path.stem
        with path.open(encoding="utf-8") as file:
            for row in csv.DictReader(file, delimiter="\t"):
                jobs, seconds = found.get(rule, (0, 0.0))
                found[rule] = (jobs + 1, seconds + float(row["s"]))
    return found


def rule_table(folder: Path) -> list[str]:
    """Rows of a table: what each rule's jobs took beside their imports alone."""
    rows, total = [], [0, 0.0, 0.0]
    for rule, (jobs, seconds) in sorted(seconds_by_rule(folder).items()):
        script = folder / "workflow" / "scripts" / f"{rule}.py"
        imports = import_seconds(folder, script) * jobs if script.exists() else 0.0
        total = [total[0] + jobs, total[1] + seconds, total[2] + imports]
        rows.append(f"| {rule} | {jobs} | {seconds:.1f} | {imports:.1f} |")
    head = ["| rule | jobs | seconds of its jobs | of which imports, timed alone |", "|---|---|---|---|"]
    return [*head, *rows, f"| **all** | {total[0]} | {total[1]:.1f} | {total[2]:.1f} |"]


def run_table(runs: Sequence[Run]) -> list[str]:
    head = [
        "| run | seconds | jobs | CPU of snakemake | CPU of jobs | snakemake's share |",
        "|---|---|---|---|---|---|",
    ]
    return head + [
        f"| {run.what} | {run.wall:.1f} | {run.jobs.total()} | {run.own:.1f} | {run.children:.1f} | {run.share:.0%} |"
        for run in runs
    ]


def measure_default(folder: Path) -> list[str]:
    """Cold, nothing to do, one model changed, one figure changed."""
    copy_repository(folder)
    runs = [run_snakemake("cold", folder)]
    rules = rule_table(folder)
    runs.append(min((run_snakemake("nothing to do", folder) for _ in range(3)), key=lambda run: run.wall))
    model = folder / "config" / "models" / "M2_unadjusted.yaml"
    text = model.read_text("utf-8")
    model.write_text(text.replace("ham_tight\n", "ham_tight + age\n", 1), "utf-8")
    runs.append(run_snakemake("one model changed", folder))
    figure = folder / "workflow" / "kinechain" / "figures" / "forest.py"
    figure.write_text(figure.read_text("utf-8") + "\n# changed\n", "utf-8")
    runs.append(run_snakemake("one figure changed", folder))
    return ["# The default study", "", *run_table(runs), "", "The cold run by rule:", "", *rules, ""]


def make_many(folder: Path, cohorts: int, models: int, people: int = 100, draws: int = 1000) -> list[str]:
    """A study of many cohorts; the files to ask for, up to every model's estimates."""
    copy_repository(folder)
    config = folder / "config"
    content = yaml.safe_load((config / "config.yaml").read_text("utf-8"))
    chosen = [name for name in content["models"] if name != "M13_balance_strain"][:models]
    names = [f"c{number:02d}" for number in range(cohorts)]
    rows = (folder / "data" / "demo" / "demo_clinic.csv").read_text("utf-8").splitlines(keepends=True)
    demo = yaml.safe_load((config / "cohorts" / "demo_clinic.yaml").read_text("utf-8"))
    for number, name in enumerate(names):
        start = 1 + (7 * number) % (len(rows) - people - 1)
        (folder / "data" / f"{name}.csv").write_text("".join([rows[0], *rows[start : start + people]]), "utf-8")
        own = {**demo, "file": f"data/{name}.csv", "title": name, "models": chosen}
        (config / "cohorts" / f"{name}.yaml").write_text(yaml.safe_dump(own, sort_keys=False), "utf-8")
    content |= {"cohorts": names, "models": chosen, "inference": content["inference"] | {"draws": draws}}
    (config / "config.yaml").write_text(yaml.safe_dump(content, sort_keys=False), "utf-8")
    return [f"data/derived/{name}/estimates/{model}.parquet" for name in names for model in chosen]


def overhead(run: Run, folder: Path) -> str:
    """What the cores had and no job used, a job."""
    jobs, seconds = (sum(found[at] for found in seconds_by_rule(folder).values()) for at in (0, 1))
    idle = (run.wall * CORES - seconds) / jobs
    return f"{idle:.2f} s of a core ({run.wall:.1f} s on {CORES} cores, {seconds:.1f} s in {jobs} jobs)"


def measure_many(folder: Path, cohorts: int, models: int, profile: str) -> list[str]:
    """Every model of every cohort estimated once, then nothing to do; and the same through a queue."""
    targets = make_many(folder, cohorts, models)
    where = f"{CORES} cores" + (f", and through {profile}" if profile else "")
    lines = [f"# {cohorts} cohort{'s' if cohorts > 1 else ''} by {models} models, on {where}", ""]
    if profile:
        queued = folder.with_name("queued")
        shutil.copytree(folder, queued)
    alone = run_snakemake("cold", folder, *targets)
    runs = [alone, run_snakemake("nothing to do", folder, *targets)]
    notes = ["", f"Overhead of a job: {overhead(alone, folder)}."]
    if profile:
        through = run_snakemake(f"cold, {profile}", queued, *targets, profile=profile)
        runs += [through, run_snakemake(f"nothing to do, {profile}", queued, *targets, profile=profile)]
        same = sum((folder / name).read_bytes() == (queued / name).read_bytes() for name in targets)
        more = (through.own + through.children - alone.own - alone.children) / through.jobs.total()
        notes += [
            f"Through the queue: {overhead(through, queued)}.",
            "",
            f"**{same} of {len(targets)} files of estimates are the same bytes.** Through the queue a job costs"
            f" {more:.2f} s of CPU more: a snakemake of its own starts and reads the study before its script does.",
        ]
    return [*lines, *run_table(runs), *notes, "", *rule_table(folder), ""]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("default", "many"))
    parser.add_argument("--cohorts", type=int, default=50)
    parser.add_argument("--models", type=int, default=10)
    parser.add_argument("--profile", default="")
    parser.add_argument("--page", type=Path)
    arguments = parser.parse_args()
    ctypes.CDLL(None).prctl(BE_PARENT_OF_ORPHANS, 1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "study"
        folder.mkdir()
        if arguments.what == "default":
            lines = measure_default(folder)
        else:
            lines = measure_many(folder, arguments.cohorts, arguments.models, arguments.profile)
    page = "\n".join(lines)
    print(page)
    if arguments.page:
        arguments.page.write_text(page, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
