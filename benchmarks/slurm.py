"""One cohort through a real Slurm: does it publish the bytes of a local run, and what did its jobs ask for?

    PYTHONPATH=.venv/cluster python -m benchmarks.slurm [TARGET ...] [--cohorts demo_null ...] [--models MODEL ...]
        [--draws N] [--folder SHARED] [--page FILE.md]

Uses the Slurm that answers here. Where none does, it starts one of this machine alone, on the loopback, and ends it
after: that takes root and Debian's packages (`apt-get install --no-install-recommends slurm-wlm munge`). The study
runs twice, on this machine and through `profiles/slurm`, in folders with a space and a letter beyond ASCII in their
names; on a cluster --folder is one that all nodes see. One job is cancelled in the middle, as when a node fails, and
must come back with twice the memory and time.

Exit code 1 when a published byte differs or the cancelled job did not come back.
"""

from __future__ import annotations

import argparse
import csv
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import yaml

from benchmarks.same_bytes import differing, published

ROOT = Path(__file__).resolve().parents[1]
CONFIGURATION = Path("/etc/slurm/slurm.conf")
DAEMONS = ("munged", "slurmctld", "slurmd")
SECONDS_A_JOB = 1.0
"""Draws predicted to take longer are shared out, so that a run of minutes has jobs that share draws."""


@dataclass(frozen=True)
class Job:
    """One submission, as Slurm told of it last."""

    what: str
    megabytes: int
    minutes: int
    state: str

    @property
    def rule(self) -> str:
        return self.what.removeprefix("rule_").partition("_wildcards_")[0]


def ask(*words: str) -> str:
    """What a command prints; nothing where it fails or is not there."""
    try:
        return subprocess.run(words, capture_output=True, text=True, check=False).stdout
    except FileNotFoundError:
        return ""


def configuration(room: Path) -> str:
    """A Slurm of this machine alone: no accounting, nothing open to the network."""
    name, memory = socket.gethostname().split(".")[0], os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20
    return f"""ClusterName=local
SlurmctldHost={name}(127.0.0.1)
AuthType=auth/munge
AuthInfo=socket={room}/munge.sock
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
SlurmUser=root
SlurmdUser=root
SlurmctldPort=26817
SlurmdPort=26818
StateSaveLocation={room}/state
SlurmdSpoolDir={room}/spool
SlurmctldPidFile={room}/slurmctld.pid
SlurmdPidFile={room}/slurmd.pid
SlurmctldLogFile={room}/slurmctld.log
SlurmdLogFile={room}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SwitchType=switch/none
ReturnToService=2
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=sched_interval=1,batch_sched_delay=0,defer_batch
MinJobAge=3600
NodeName={name} NodeAddr=127.0.0.1 CPUs={os.cpu_count()} RealMemory={memory * 8 // 10} State=UNKNOWN
PartitionName=main Nodes={name} Default=YES MaxTime=INFINITE State=UP DefMemPerCPU=500
"""


@contextmanager
def slurm() -> Iterator[str]:
    """A Slurm that answers, and whose it is."""
    if ask("sinfo", "--noheader").strip():
        yield "the Slurm of this place"
        return
    missing = [name for name in DAEMONS if not shutil.which(name)]
    if missing or os.geteuid() or CONFIGURATION.exists():
        sys.exit(
            "slurm: no Slurm answers. To start one of this machine alone, run as root, with no"
            f" {CONFIGURATION}, after `apt-get install --no-install-recommends slurm-wlm munge`."
        )
    with tempfile.TemporaryDirectory() as name:
        room = Path(name)
        (room / "key").write_bytes(os.urandom(1024))
        (room / "key").chmod(0o400)
        (room / "state").mkdir()
        (room / "spool").mkdir()
        own = room / "slurm.conf"
        own.write_text(configuration(room), "utf-8")
        CONFIGURATION.parent.mkdir(exist_ok=True)
        CONFIGURATION.symlink_to(own)  # srun, inside a job, looks nowhere else
        try:
            places = {"key-file": "key", "socket": "munge.sock", "pid-file": "munged.pid", "log-file": "munged.log"}
            options = [f"--{key}={room / file}" for key, file in (places | {"seed-file": "seed"}).items()]
            subprocess.run(["munged", "--force", *options], check=True)
            for daemon in DAEMONS[1:]:
                subprocess.run([daemon, "-f", str(own)], check=True)
            deadline = time.monotonic() + 60
            while "idle" not in ask("sinfo", "--noheader", "--format=%t"):
                if time.monotonic() > deadline:
                    sys.exit("slurm: the node did not come up")
                time.sleep(0.5)
            yield "a Slurm of this machine alone"
        finally:
            for daemon in reversed(DAEMONS):
                end_daemon(room / f"{daemon}.pid")
            CONFIGURATION.unlink(missing_ok=True)


def end_daemon(pid_file: Path) -> None:
    """End the process whose id a daemon wrote down, and wait until it is gone."""
    if not pid_file.exists():
        return
    pid = int(pid_file.read_text())
    ask("kill", str(pid))
    deadline = time.monotonic() + 30
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.1)


def make_study(folder: Path, cohorts: list[str], models: list[str], draws: int) -> None:
    """The default study with these cohorts, models and draws, and with draws shared among jobs."""
    for name in ("config", "data/demo", "data/published", "profiles"):
        shutil.copytree(ROOT / name, folder / name)
    path = folder / "config" / "config.yaml"
    config = yaml.safe_load(path.read_text("utf-8"))
    config |= {"cohorts": cohorts, "run": {"seconds_a_job": SECONDS_A_JOB}}
    config["models"] = models or config["models"]
    config["inference"]["draws"] = draws
    path.write_text(yaml.safe_dump(config, sort_keys=False, allow_unicode=True), "utf-8")


@contextmanager
def run(folder: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """A run of the study in a folder, waited for at the end; what it says goes to a file beside the folder."""
    command = [
        *(sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--directory", str(folder)),
        *("--workflow-profile", "none", *words),
    ]
    plugins = [part for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if part]
    path = os.pathsep.join(str(Path(part).resolve()) for part in (ROOT / "workflow", *plugins))
    environment = os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    with told(folder).open("w", encoding="utf-8") as out:
        going = subprocess.Popen(command, stdout=out, stderr=out, text=True, env=environment, cwd=folder)
    try:
        yield going
        code = going.wait()
    finally:
        going.terminate()
        going.wait()
    if code:
        sys.exit(told(folder).read_text("utf-8")[-4000:])


def told(folder: Path) -> Path:
    return folder.parent / f"{folder.name}.txt"


def minutes_of(limit: str) -> int:
    """Minutes of a limit as Slurm prints it: days-hours:minutes:seconds, the first parts left out where zero."""
    days, _, clock = limit.rpartition("-")
    hours, minutes, _ = ([0, 0, 0] + [int(part) for part in clock.split(":")])[-3:]
    return int(days or 0) * 1440 + hours * 60 + minutes


def jobs_of(run: str) -> dict[str, Job]:
    """Slurm's id -> job, of those that Slurm still knows of a run."""
    lines = ask("squeue", "--noheader", "--states=all", f"--name={run}", "--format=%i|%k|%m|%l|%T").splitlines()
    found = {}
    for line in lines:
        number, what, memory, limit, state = line.split("|")
        found[number] = Job(what, int(memory.rstrip("M")), minutes_of(limit), state)
    return found


def run_on_slurm(folder: Path, targets: list[str]) -> dict[str, Job]:
    """The study through profiles/slurm; one job that runs when another is done is cancelled."""
    seen: dict[str, Job] = {}
    name, cancelled = "", ""
    with run(folder, *targets, "--profile", "profiles/slurm") as going:
        while going.poll() is None:
            match = re.search(r"SLURM run ID: (\S+)", told(folder).read_text("utf-8"))
            name = match[1] if match else ""
            seen |= jobs_of(name) if name else {}
            states = {job.state: number for number, job in seen.items()}
            if "COMPLETED" in states and "RUNNING" in states and not cancelled:
                cancelled = states["RUNNING"]
                ask("scancel", cancelled)
            time.sleep(1)
    return seen | jobs_of(name)


def most_memory(folder: Path) -> dict[str, float]:
    """Rule -> the most memory, in MB, that one of its jobs held."""
    found: dict[str, float] = defaultdict(float)
    for path in sorted((folder / "logs").rglob("*.tsv")):
        rule = path.parent.name if (ROOT / "workflow" / "scripts" / f"{path.parent.name}.py").exists() else path.stem
        with path.open(encoding="utf-8") as file:
            for row in csv.DictReader(file, delimiter="\t"):
                found[rule] = max(found[rule], float(row["max_rss"]))
    return found


def span(numbers: list[int]) -> str:
    return str(numbers[0]) if min(numbers) == max(numbers) else f"{min(numbers)} to {max(numbers)}"


def table(jobs: list[Job], held: dict[str, float]) -> list[str]:
    """What the jobs of each rule asked for at their first attempt, beside what they held."""
    by_rule: dict[str, dict[str, Job]] = defaultdict(dict)
    for job in jobs:
        by_rule[job.rule].setdefault(job.what, job)
    rows = [
        f"| {rule} | {len(own)} | {span([job.megabytes for job in own.values()])}"
        f" | {held[rule]:.0f} | {span([job.minutes for job in own.values()])} |"
        for rule, own in by_rule.items()
    ]
    return ["| rule | jobs | MB asked | most MB held | minutes asked |", "|---|---|---|---|---|", *rows]


def retried(jobs: list[Job]) -> tuple[bool, str]:
    """Did the cancelled job come back with twice the memory and time; in words."""
    for at, job in enumerate(jobs):
        if job.state == "CANCELLED":
            again = [other for other in jobs[at + 1 :] if other.what == job.what]
            asked = (
                f"`{job.what}` was cancelled while it ran; it had asked for {job.megabytes} MB and {job.minutes} min"
            )
            if not again:
                return False, f"{asked}, and did not come back."
            then = again[0]
            twice = (then.megabytes, then.minutes) == (2 * job.megabytes, 2 * job.minutes)
            end = f"came back asking for {then.megabytes} MB and {then.minutes} min, and ended {then.state}"
            return twice and then.state == "COMPLETED", f"{asked}, {end}."
    return False, "No job was cancelled."


def measure(place: Path, asked: argparse.Namespace, whose: str) -> tuple[bool, list[str]]:
    """Run the study twice; did all go well, and the page that tells it."""
    alone, study = place / "ålone é", place / "a study é"
    for folder in (alone, study):
        make_study(folder, asked.cohorts, asked.models, asked.draws)
    with run(alone, *asked.targets, "--cores", str(os.cpu_count()), "--scheduler", "greedy"):
        pass
    jobs = [job for _, job in sorted(run_on_slurm(study, asked.targets).items(), key=lambda item: int(item[0]))]
    here, there = published(alone), published(study)
    strayed = differing(here, there)
    everything = len({*here, *there})
    same = everything - len(strayed)
    came_back, words = retried(jobs)
    versions = ", ".join(
        f"{name} {version(name)}"
        for name in ("snakemake", "snakemake-executor-plugin-slurm", "snakemake-executor-plugin-slurm-jobstep")
    )
    page = [
        "# On Slurm",
        "",
        f"`python -m benchmarks.slurm {' '.join(asked.words)}` on {datetime.now(UTC):%Y-%m-%d}:"
        f" {ask('sinfo', '--version').strip()}, {whose} ({os.cpu_count()} cores), {versions},"
        f" Python {sys.version.split()[0]}; folders with a space and letters beyond ASCII in their names.",
        "",
        f"{len(jobs)} submissions. **{same} of {everything} published files"
        " are the same bytes as those of a local run.**",
        *(f"- {name} differs" for name in strayed),
        "",
        words,
        "",
        "What jobs asked for at their first attempt, beside the most that one of them held:",
        "",
        *table(jobs, most_memory(study)),
        "",
    ]
    return not strayed and bool(here) and came_back, page


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", help="files to make; default: the whole study")
    parser.add_argument("--cohorts", nargs="+", default=["demo_null"])
    parser.add_argument("--models", nargs="+", default=[], help="default: those of the study")
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--folder", type=Path, help="an empty folder all nodes see (default: one of this machine)")
    parser.add_argument("--page", type=Path)
    arguments = parser.parse_args()
    arguments.words = [word for word in sys.argv[1:] if word not in ("--page", str(arguments.page))]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # daemons and runs are ended on the way out
    with slurm() as whose, tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        good, lines = measure(Path(name), arguments, whose)
    page = "\n".join(lines)
    print(page)
    if arguments.page:
        arguments.page.write_text(page, "utf-8")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
