"""What real machines do to a run: does it end in the same published bytes, or in one line that says what to do?

    python benchmarks/faults.py [--kills 100] [--seed 1] [--page FILE.md]

A tiny study is run once undisturbed. Then runs are killed with SIGKILL at random moments: snakemake alone (its jobs
live on), one of its jobs, or everything as when the power fails. A run that was killed is started again, after the one
documented unlock where a lock was left, and may be killed again; when one comes to its end, what it published is
compared byte by byte with the undisturbed run, and all is taken away for the next. After that every other fault once:
a full disk, a read-only folder, two runs in one folder, damaged intermediates, clocks that are wrong. Disks that are
full or read-only are small file systems in memory, which takes root.

Exit code 1 when any ending differs.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
WORK = ("data/derived", "reports", "logs", ".snakemake")
LOCKED = "--unlock"
"""What snakemake's message about a lock names."""
PATIENCE = 900.0
KINDS = ("snakemake", "a job", "everything")


@dataclass(frozen=True)
class Bench:
    """A study folder, and how it is run."""

    folder: Path
    cores: int = 2

    def start(self, *words: str) -> subprocess.Popen[str]:
        """A run in a process group of its own, output in run.txt."""
        command = [
            *(
                sys.executable,
                "-m",
                "snakemake",
                "--snakefile",
                str(ROOT / "Snakefile"),
                "--directory",
                str(self.folder),
            ),
            *("--workflow-profile", str(ROOT / "profiles" / "default"), "--cores", str(self.cores), *words),
        ]
        environment = os.environ | {"PYTHONPATH": str(ROOT / "workflow"), "OMP_NUM_THREADS": "1"}
        with self.told.open("w", encoding="utf-8") as out:
            return subprocess.Popen(
                command, stdout=out, stderr=out, text=True, env=environment, cwd=ROOT, start_new_session=True
            )

    @property
    def told(self) -> Path:
        return self.folder.parent / f"{self.folder.name}.run.txt"

    def run(self, *words: str) -> int:
        """A whole run; its exit code."""
        return self.start(*words).wait(timeout=PATIENCE)

    def mend(self) -> tuple[int, bool]:
        """What the documentation says after a fault: run again; after a stale lock, unlock and run again."""
        code = self.run()
        if code and LOCKED in self.told.read_text("utf-8"):
            self.run("--unlock")
            return self.run(), True
        return code, False

    def published(self) -> dict[str, str]:
        """Every published file's sha256; what belongs to one run only is no part of it."""
        manifest = self.folder / "reports"
        files = (path for path in manifest.rglob("*") if path.is_file() and path.name not in ("run.json", "run.html"))
        return {
            path.relative_to(self.folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(files)
        }

    def clear(self) -> None:
        """Take away all that runs made."""
        for name in WORK:
            shutil.rmtree(self.folder / name, ignore_errors=True)


def make_study(folder: Path, people: int = 120) -> Bench:
    """One cohort of people and one of moments, two models, 1,000 draws."""
    shutil.copytree(ROOT / "config", folder / "config")
    for name in ("demo", "published"):
        shutil.copytree(ROOT / "data" / name, folder / "data" / name)
    path = folder / "config" / "config.yaml"
    config = yaml.safe_load(path.read_text("utf-8"))
    config |= {"cohorts": ["demo_clinic", "vertebral_normals"], "models": ["M1_chain", "MT_total_effect"]}
    config["inference"]["draws"] = 1000
    config["report"] = {key: value for key, value in config["report"].items() if "model" not in key}
    config["report"] |= {"main_model": "M1_chain", "chain_model": "M1_chain"}
    path.write_text(yaml.safe_dump(config, sort_keys=False), "utf-8")
    checks = folder / "config" / "checks.yaml"
    checks.write_text(checks.read_text("utf-8").replace("main_model: M2_chain_open", "main_model: M1_chain"), "utf-8")
    data = folder / "data" / "demo" / "demo_clinic.csv"
    data.write_text("".join(data.read_text("utf-8").splitlines(keepends=True)[: people + 1]), "utf-8")
    return Bench(folder)


def children_of(pid: int) -> list[int]:
    """Processes a process started, theirs too, from /proc."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue
            parents.setdefault(int(stat.rpartition(")")[2].split()[1]), []).append(int(entry.name))
    found, waiting = [], [pid]
    while waiting:
        below = parents.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


def kill(pids: list[int]) -> None:
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def strike(run: subprocess.Popen[str], kind: str) -> bool:
    """Kill something of a run; False when it had ended before."""
    jobs = children_of(run.pid)
    if run.poll() is not None:
        return False
    if kind == "a job" and jobs:
        kill([jobs[-1]])
    elif kind == "everything":
        kill([run.pid, *jobs])
    else:
        kill([run.pid])
    return True


@dataclass
class Tally:
    """What the kills came to."""

    kills: Counter[str] = field(default_factory=Counter)
    endings: int = 0
    kills_in_identical: int = 0
    unlocks: int = 0
    different: list[str] = field(default_factory=list)


def random_kills(bench: Bench, alone: dict[str, str], seconds: float, count: int, rng: random.Random) -> Tally:
    """Kill runs of one study until `count` kills have fallen, each followed to an ending."""
    tally = Tally()
    while tally.kills.total() < count:
        bench.clear()
        fallen: list[str] = []
        for _ in range(rng.randint(1, 10)):
            if tally.kills.total() + len(fallen) >= count:
                break
            kind = rng.choice(KINDS)
            run = bench.start()
            try:
                run.wait(timeout=rng.uniform(0.02, 0.9) * seconds)
            except subprocess.TimeoutExpired:
                fallen += [kind] if strike(run, kind) else []
            run.wait(timeout=PATIENCE)
            if LOCKED in bench.told.read_text("utf-8"):
                bench.run("--unlock")
                tally.unlocks += 1
        code, unlocked = bench.mend()
        tally.unlocks += unlocked
        tally.kills.update(fallen)
        tally.endings += 1
        found = bench.published()
        if code == 0 and found == alone:
            tally.kills_in_identical += len(fallen)
        else:
            strayed = [name for name in {*found, *alone} if found.get(name) != alone.get(name)]
            tally.different.append(f"after {fallen}: exit code {code}, {len(strayed)} files: {sorted(strayed)[:5]}")
        print(f"{tally.kills.total()} kills, {tally.endings} endings, {len(tally.different)} different", flush=True)
    return tally


@contextmanager
def small_disk(folder: Path, megabytes: float) -> Iterator[Path]:
    """A file system in memory of so many megabytes. Raises PermissionError without root."""
    folder.mkdir()
    size = f"size={int(megabytes * 1024)}k"
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", size, "none", str(folder)], capture_output=True, check=False)
    if done.returncode:
        raise PermissionError("a file system in memory takes root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False)


def remount(folder: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", str(folder)], check=True, capture_output=True)


def last_words(bench: Bench) -> str:
    """The line of a run's output that says what is wrong."""
    lines = [line.strip() for line in bench.told.read_text("utf-8").splitlines() if line.strip()]
    telling = [
        line
        for line in lines
        if any(word in line.lower() for word in ("no space", "read-only", "cannot", "locked", "run again", "unlock"))
    ]
    return (telling or lines or ["(nothing)"])[0][:200]


def full_disk(bench: Bench, alone: dict[str, str], room: Path) -> tuple[str, str, bool]:
    """The disk fills up in the middle; there is room again for the second run."""
    with small_disk(room / "disk", 3.5) as disk:
        small = Bench(disk / "study")
        shutil.copytree(bench.folder, small.folder, ignore=shutil.ignore_patterns(*(Path(name).name for name in WORK)))
        told = Bench(disk / "study")
        code = told.run()
        words = last_words(told)
        subprocess.run(["mv", str(told.told), str(room / "full.txt")], check=False)
        remount(disk, "size=200m")
        again, _ = told.mend()
        return "full disk", f"first run: code {code}, `{words}`", code != 0 and again == 0 and told.published() == alone


def read_only(bench: Bench, alone: dict[str, str], room: Path) -> tuple[str, str, bool]:
    """The study lies on a disk that cannot be written."""
    with small_disk(room / "ro", 200) as disk:
        fixed = Bench(disk / "study")
        shutil.copytree(bench.folder, fixed.folder)
        shutil.rmtree(fixed.folder / "reports")
        remount(disk, "ro")
        outside = Bench(fixed.folder)
        object.__setattr__(outside, "folder", fixed.folder)
        code = _run_outside(outside, room)
        words = (room / "ro.txt").read_text("utf-8").strip()
        remount(disk, "rw")
        again, _ = fixed.mend()
        is_line = "Traceback" not in words and words.count("\n") < 3
        return (
            "read-only folder",
            f"first run: code {code}, `{words.splitlines()[-1][:160]}`",
            (code != 0 and is_line and again == 0 and fixed.published() == alone),
        )


def _run_outside(bench: Bench, room: Path) -> int:
    """A run whose output goes to another disk than its study."""
    command = [
        *(sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--directory", str(bench.folder)),
        *("--workflow-profile", str(ROOT / "profiles" / "default"), "--cores", "2"),
    ]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "workflow"), "OMP_NUM_THREADS": "1"}
    with (room / "ro.txt").open("w", encoding="utf-8") as out:
        return subprocess.run(command, stdout=out, stderr=out, env=environment, cwd=ROOT, check=False).returncode


def two_at_once(bench: Bench, alone: dict[str, str], _room: Path) -> tuple[str, str, bool]:
    """A second run is started in the folder of one that goes on."""
    bench.clear()
    first = bench.start()
    while not (bench.folder / ".snakemake" / "locks").exists() or not any(
        (bench.folder / ".snakemake" / "locks").iterdir()
    ):
        time.sleep(0.05)
        if first.poll() is not None:
            break
    told = bench.told.rename(bench.told.with_suffix(".first"))
    second = bench.run()
    words = last_words(bench)
    code = first.wait(timeout=PATIENCE)
    told.unlink()
    return (
        "two runs at once",
        f"second: code {second}, `{words}`; first: code {code}",
        (second != 0 and code == 0 and bench.published() == alone),
    )


def damaged(bench: Bench, alone: dict[str, str], _room: Path) -> list[tuple[str, str, bool]]:
    """Intermediates of each kind cut short: the run says which to delete, and is whole after that."""
    rows = []
    for name in (
        "data/derived/demo_clinic/cohort.parquet",
        "data/derived/demo_clinic/draws/M1_chain.parquet",
        "data/derived/demo_clinic/fits/M1_chain.json",
        "data/derived/checked.json",
    ):
        path = bench.folder / name
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        code = bench.run()
        words = "ended well" if code == 0 else last_words(bench)
        names_it = code == 0 or name in bench.told.read_text("utf-8")
        path.unlink(missing_ok=True)
        again, _ = bench.mend()
        rows.append(
            (f"damaged {name}", f"code {code}, `{words}`", names_it and again == 0 and bench.published() == alone)
        )
    return rows


def wrong_clocks(bench: Bench, alone: dict[str, str], _room: Path) -> list[tuple[str, str, bool]]:
    """Times of files a day ahead or behind, as after a clock was set."""
    rows = []
    for what, parts, days in (
        ("all intermediates a day ahead", "data/derived", 1),
        ("all inputs a day ahead", "config", 1),
        ("all published files ten years back", "reports", -3650),
    ):
        moment = time.time() + days * 86_400
        for path in sorted((bench.folder / parts).rglob("*")):
            if path.is_file():
                os.utime(path, (moment, moment))
        code, _ = bench.mend()
        rows.append((f"clock: {what}", f"code {code}", code == 0 and bench.published() == alone))
        now = time.time()
        for path in bench.folder.rglob("*"):
            os.utime(path, (now, now))
        bench.clear()
        bench.run()
    return rows


def other_faults(bench: Bench, alone: dict[str, str], room: Path) -> list[tuple[str, str, bool]]:
    """Every other fault once: its name, what happened, whether it ended as it should."""
    bench.clear()
    bench.run()
    rows = [*damaged(bench, alone, room), *wrong_clocks(bench, alone, room)]
    for fault in (two_at_once, full_disk, read_only):
        try:
            rows.append(fault(bench, alone, room))
        except PermissionError as error:
            rows.append((fault.__name__.replace("_", " "), f"not tried: {error}", True))
    return rows


def page_of(tally: Tally, rows: list[tuple[str, str, bool]], seconds: float, seed: int) -> str:
    lines = [
        "# Faults",
        "",
        f"`python benchmarks/faults.py --kills {tally.kills.total()} --seed {seed}`. The tiny study takes"
        f" {seconds:.0f} s undisturbed on the machine at hand.",
        "",
        f"{tally.kills.total()} SIGKILLs at random moments"
        f" ({', '.join(f'{number} of {kind}' for kind, number in tally.kills.items())}),"
        f" in chains that came to {tally.endings} endings after {tally.unlocks} unlocks:"
        f" {tally.kills_in_identical} kills were followed by published bytes identical to the undisturbed run.",
        "",
        *(f"- {line}" for line in tally.different),
        "| fault | what happened | then identical, or told |",
        "|---|---|---|",
        *(f"| {name} | {text} | {'yes' if good else '**no**'} |" for name, text, good in rows),
        "",
    ]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--page", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        room = Path(name)
        bench = make_study(room / "study")
        begun = time.monotonic()
        if bench.run():
            sys.exit(bench.told.read_text("utf-8")[-3000:])
        seconds, alone = time.monotonic() - begun, bench.published()
        rows = other_faults(bench, alone, room)
        for row in rows:
            print(*row, sep=" | ", flush=True)
        tally = random_kills(bench, alone, seconds, arguments.kills, random.Random(arguments.seed))
    page = page_of(tally, rows, seconds, arguments.seed)
    print(page)
    if arguments.page:
        arguments.page.write_text(page, "utf-8")
    return int(bool(tally.different) or not all(good for *_, good in rows))


if __name__ == "__main__":
    sys.exit(main())
