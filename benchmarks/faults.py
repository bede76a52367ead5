"""What real machines do to a run: does it end in the same published bytes, or in one line that says what to do?

    python benchmarks/faults.py [--kills 100] [--minutes M] [--seed 1] [--page FILE.md]

A tiny study is run once undisturbed. Then every fault but one, each followed by what the documentation says to do:
intermediates that are cut short, emptied or hold a wrong byte, clocks that are wrong, two runs in one folder, a disk
that fills up early or late, folders that cannot be written. A damaged file may end a run with a line that names it; a
run that ends well all the same has to have published the same bytes. Disks that are full or read-only are small file
systems in memory, which takes root.

Then kills: a random part of what was made is lost, the run that makes it anew meets SIGKILL at a random moment
(snakemake alone, whose jobs live on, one of its jobs, or everything as when the power fails), and it is started again,
after the one documented unlock where a lock was left. What it published by then is compared byte by byte with the
undisturbed run, and the next kill falls on another part.

Exit code 1 when any ending differs.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import yaml

from kinechain.study_preflight import TOUCH

ROOT = Path(__file__).resolve().parents[1]
MADE = ("data/derived", "reports")
WORK = (*MADE, "logs", ".snakemake")
OF_ONE_RUN = ("run.json", "run.html")
LOCKED = "--unlock"
"""What snakemake's message about a lock names."""
PATIENCE = 900.0
KINDS = ("snakemake", "a job", "everything")
SCRIPTS = ".snakemake/scripts"
"""Where snakemake keeps the script of a job that runs: its command names it."""
POWERS = "-dac_override,-dac_read_search"
AS_OTHERS = ("setpriv", "--bounding-set", POWERS, "--inh-caps", POWERS)
"""Takes from root what lets it write where permissions forbid it."""
COHORT = "demo_clinic"

UNTRIED = "not tried"

Row = tuple[str, str, bool]
"""A fault, what happened, and whether it ended as it should."""


@dataclass(frozen=True)
class Bench:
    """A study folder, and how it is run.

    room    where the output of a run goes, beside the study by default
    prefix  what the command of a run stands behind
    """

    folder: Path
    room: Path | None = None
    prefix: tuple[str, ...] = ()
    cores: int = 2

    def start(self, *words: str) -> subprocess.Popen[str]:
        """A run in a process group of its own, its output in a file."""
        command = [
            *(*self.prefix, sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")),
            *("--directory", str(self.folder), "--workflow-profile", str(ROOT / "profiles" / "default")),
            *("--cores", str(self.cores), *words),
        ]
        environment = os.environ | {"PYTHONPATH": str(ROOT / "workflow"), "OMP_NUM_THREADS": "1"}
        with self.told.open("w", encoding="utf-8") as out:
            return subprocess.Popen(
                command, stdout=out, stderr=out, text=True, env=environment, cwd=ROOT, start_new_session=True
            )  # fmt: skip

    @property
    def told(self) -> Path:
        """What the last run printed."""
        return (self.room or self.folder.parent) / f"{self.folder.name}.run.txt"

    @property
    def words(self) -> str:
        return self.told.read_text("utf-8")

    def run(self, *words: str) -> int:
        """A whole run; its exit code."""
        return self.start(*words).wait(timeout=PATIENCE)

    def mend(self) -> tuple[int, bool]:
        """What the documentation says after a fault: run again; after a stale lock, unlock first; what a line says."""
        code = self.run()
        if code and TOUCH in self.words:
            subprocess.run(TOUCH, shell=True, cwd=self.folder, check=True)
            code = self.run()
        if code and LOCKED in self.words:
            self.run("--unlock")
            return self.run(), True
        return code, False

    def published(self) -> dict[str, str]:
        """Every published file's sha256; what belongs to one run only is no part of it."""
        files = (path for path in (self.folder / "reports").rglob("*") if path.is_file())
        return {
            path.relative_to(self.folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(files)
            if path.name not in OF_ONE_RUN and not path.name.startswith(".")
        }

    def outputs(self) -> list[Path]:
        """What the rules made: files, and those folders that one rule makes whole."""
        whole = [self.folder / "reports" / COHORT / name for name in ("figures", "checks")]
        files = (path for name in MADE for path in sorted((self.folder / name).rglob("*")) if path.is_file())
        return [*whole, *(path for path in files if not any(path.is_relative_to(folder) for folder in whole))]

    def restore(self, built: Path) -> None:
        """The study as it was built, with the times of its files."""
        shutil.rmtree(self.folder)
        shutil.copytree(built, self.folder, symlinks=True)


def make_study(folder: Path, people: int = 120) -> Bench:
    """One cohort of people, two models, 1,000 draws."""
    shutil.copytree(ROOT / "config", folder / "config")
    for name in ("demo", "published"):
        shutil.copytree(ROOT / "data" / name, folder / "data" / name)
    path = folder / "config" / "config.yaml"
    config = yaml.safe_load(path.read_text("utf-8"))
    config |= {"cohorts": [COHORT], "models": ["M1_chain", "MT_total_effect"]}
    config["inference"]["draws"] = 1000
    config["report"] |= {"main_model": "M1_chain", "chain_model": "M1_chain"}
    path.write_text(yaml.safe_dump(config, sort_keys=False), "utf-8")
    checks = folder / "config" / "checks.yaml"
    checks.write_text(checks.read_text("utf-8").replace("main_model: M2_chain_open", "main_model: M1_chain"), "utf-8")
    data = folder / "data" / "demo" / f"{COHORT}.csv"
    data.write_text("".join(data.read_text("utf-8").splitlines(keepends=True)[: people + 1]), "utf-8")
    return Bench(folder)


# Kills


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


def is_job(pid: int) -> bool:
    """Whether a process runs the script of a job, and not snakemake itself or a shell."""
    try:
        return SCRIPTS in Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return False


def kill(pids: list[int]) -> None:
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def strike(run: subprocess.Popen[str], kind: str, rng: random.Random) -> tuple[str, list[int]]:
    """Kill something of a run: what was killed, "" when the run had ended before, and which processes live on."""
    children = children_of(run.pid)
    jobs = [pid for pid in children if is_job(pid)]
    if run.poll() is not None:
        return "", []
    if kind == "a job" and jobs:
        kill([rng.choice(jobs)])
        return kind, []
    if kind == "everything":
        kill([run.pid, *children])
        return kind, []
    kill([run.pid])
    return "snakemake", jobs


def steps_done(words: str) -> float:
    """Share of its steps that a run says to have done."""
    found = re.findall(r"(\d+) of (\d+) steps", words)
    return int(found[-1][0]) / int(found[-1][1]) if found else 0.0


def lose_a_part(bench: Bench, rng: random.Random) -> None:
    """Take away some of what was made, and the manifest of it all, so that a run has something to do."""
    outputs = bench.outputs()
    for path in (*rng.sample(outputs, rng.randint(1, len(outputs) // 2)), bench.folder / "reports" / "manifest.json"):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


@dataclass
class Tally:
    """What the kills came to; several studies count into one."""

    count: int
    kills: Counter[str] = field(default_factory=Counter)
    identical: int = 0
    unlocks: int = 0
    different: list[str] = field(default_factory=list)


def random_kills(
    bench: Bench, alone: dict[str, str], built: Path, tally: Tally, deadline: float, rng: random.Random, startup: float
) -> None:
    """Kill runs of one study until enough kills have fallen or time is up, each followed to an ending.

    startup  seconds before a run begins its first step
    """
    while tally.kills.total() < tally.count and time.monotonic() < deadline:
        lose_a_part(bench, rng)
        kind, share, pause = rng.choice(KINDS), rng.uniform(-0.2, 0.95), rng.uniform(0.0, startup)
        run = bench.start()
        while share > 0.0 and steps_done(bench.words) < share and run.poll() is None:
            time.sleep(0.02)
        with suppress(subprocess.TimeoutExpired):
            run.wait(timeout=pause)
        struck, alive = strike(run, kind, rng)
        run.wait(timeout=PATIENCE)
        code, unlocked = bench.mend()
        while any(is_job(pid) for pid in alive):
            time.sleep(0.1)
        if struck:
            tally.kills[struck] += 1
            tally.unlocks += unlocked
        found = bench.published()
        if code == 0 and found == alone:
            tally.identical += bool(struck)
        else:
            tally.different.append(f"{struck or 'no kill'}: exit code {code}, {_strayed(found, alone)}, {_line(bench)}")
            bench.restore(built)
        print(f"{tally.kills.total()} kills, {tally.identical} identical, {len(tally.different)} different", flush=True)


def _strayed(found: dict[str, str], alone: dict[str, str]) -> str:
    names = sorted(name for name in {*found, *alone} if found.get(name) != alone.get(name))
    return f"{len(names)} files differ" + (f", such as {', '.join(names[:4])}" if names else "")


# Every other fault


@contextmanager
def small_disk(folder: Path, kilobytes: int) -> Iterator[Path]:
    """A file system in memory of a certain size. Raises PermissionError without root."""
    folder.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "none", str(folder)]
    if subprocess.run(words, capture_output=True, check=False).returncode:
        raise PermissionError("a file system in memory takes root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False)
        folder.rmdir()


def remount(folder: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", str(folder)], check=True, capture_output=True)


TELLING = ("disk is full", "no space", "cannot be written", "is damaged", LOCKED, "read-only", "permission")


def _line(bench: Bench) -> str:
    """The line of a run's output that says what is wrong."""
    lines = [line.strip() for line in bench.words.splitlines() if line.strip()]
    telling = [line for word in TELLING for line in lines if word in line.lower()]
    return f"`{(telling or lines or ['nothing'])[0][:240]}`".replace(str(bench.folder), "…")


def _is_told(bench: Bench, *words: str) -> bool:
    """Whether a run that failed said so in a line that holds these words, and without a traceback."""
    is_line = any(all(word in line for word in words) for line in bench.words.splitlines())
    return is_line and "Traceback" not in bench.words


def kilobytes_of(folder: Path) -> int:
    """What a folder takes on a file system of 4 kB pages."""
    return sum(4 * (path.stat().st_size // 4096 + 1) for path in folder.rglob("*"))


def full_disk(bench: Bench, alone: dict[str, str], built: Path) -> Iterator[Row]:
    """The disk fills up early, in the middle and late in a run from nothing; there is room for the second run."""
    made = sum(kilobytes_of(built / name) for name in WORK if (built / name).exists())
    bare = kilobytes_of(built) - made
    for when, share in (("at once", 0.02), ("early", 0.3), ("in the middle", 0.6), ("late", 0.9)):
        with small_disk(bench.folder.parent / "disk", bare + int(share * made)) as disk:
            small = Bench(disk / "study", bench.folder.parent)
            shutil.copytree(built, small.folder, ignore=shutil.ignore_patterns("derived", "reports", "logs", ".snake*"))
            code, line, told = small.run(), _line(small), _is_told(small, "disk is full", "Make room")
            remount(disk, "size=200m")
            again, _ = small.mend()
            is_same = again == 0 and small.published() == alone
            yield f"disk full {when}", f"code {code}, {line}", code != 0 and told and is_same


def read_only(bench: Bench, alone: dict[str, str], built: Path) -> Iterator[Row]:
    """The study lies on a disk that cannot be written; then some of its folders forbid it."""
    with small_disk(bench.folder.parent / "disk", 400_000) as disk:
        fixed = Bench(disk / "study", bench.folder.parent)
        shutil.copytree(built, fixed.folder)
        shutil.rmtree(fixed.folder / "reports")
        remount(disk, "ro")
        code, line, told = fixed.run(), _line(fixed), _is_told(fixed, "cannot be written", "Make it writable")
        remount(disk, "rw")
        again, _ = fixed.mend()
        is_same = again == 0 and fixed.published() == alone
        yield "read-only disk", f"code {code}, {line}", code != 0 and told and is_same
    for name in ("reports", f"reports/{COHORT}", f"data/derived/{COHORT}/fits", "logs"):
        room = Path(tempfile.mkdtemp())
        shutil.copytree(built, room / "study")
        (room / "study" / "reports" / COHORT / "claims.json").unlink()
        (room / "study" / "data" / "derived" / COHORT / "fits" / "M1_chain.json").unlink()
        guarded = room / "study" / name
        modes = {path: path.stat().st_mode for path in (guarded, *guarded.rglob("*")) if path.is_dir()}
        for path in modes:
            path.chmod(0o555)
        theirs = Bench(room / "study", room, AS_OTHERS if os.geteuid() == 0 else ())
        code, line = theirs.run(), _line(theirs)
        told = _is_told(theirs, name, "cannot be written", "Make it writable")
        for path, mode in modes.items():
            path.chmod(mode)
        again, _ = theirs.mend()
        is_same = again == 0 and theirs.published() == alone
        yield f"read-only folder `{name}`", f"code {code}, {line}", code != 0 and told and is_same
        shutil.rmtree(room)


def two_at_once(bench: Bench, alone: dict[str, str], _built: Path) -> Iterator[Row]:
    """A second run is started in the folder of one that goes on."""
    for name in WORK:
        shutil.rmtree(bench.folder / name, ignore_errors=True)
    room = bench.folder / ".snakemake" / "locks"
    first = bench.start()
    while first.poll() is None and not (room.exists() and any(room.iterdir())):
        time.sleep(0.05)
    second = Bench(bench.folder, bench.folder.parent / "second")
    assert second.room is not None
    second.room.mkdir()
    code, line, told = second.run(), _line(second), _is_told(second, LOCKED)
    ended = first.wait(timeout=PATIENCE)
    is_same = ended == 0 and bench.published() == alone
    shutil.rmtree(second.room)
    yield "two runs at once", f"second: code {code}, {line}; first: code {ended}", code != 0 and told and is_same


def cut_short(content: bytes) -> bytes:
    return content[: len(content) // 2]


def emptied(_content: bytes) -> bytes:
    return b""


def a_wrong_byte(content: bytes) -> bytes:
    """One bit turned over in the middle, as on a disk that rots."""
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def damaged(bench: Bench, alone: dict[str, str], built: Path) -> Iterator[Row]:
    """Intermediates of each kind: a run ends the same, or says which file to delete and ends the same after that."""
    for name in (
        f"data/derived/{COHORT}/cohort.parquet",
        f"data/derived/{COHORT}/draws/M1_chain.parquet",
        f"data/derived/{COHORT}/effects/M1_chain.parquet",
        f"data/derived/{COHORT}/fits/M1_chain.json",
        f"reports/{COHORT}/quality.json",
        f"reports/{COHORT}/claims.json",
        f"reports/{COHORT}/checks/robustness.csv",
        f"reports/{COHORT}/figures/forest.svg",
        f"data/derived/{COHORT}/summary.json",
        "data/derived/checked.json",
    ):
        for harm in (cut_short, emptied, a_wrong_byte):
            bench.restore(built)
            path = bench.folder / name
            path.write_bytes(harm(path.read_bytes()))
            code = bench.run()
            text, good = "ended well", bench.published() == alone
            if code:
                text, good = _line(bench), _is_told(bench, name, "Delete ")
                if f"Delete the folder {path.parent.relative_to(bench.folder)}" in text:
                    shutil.rmtree(path.parent)
                else:
                    path.unlink()
                good &= bench.mend()[0] == 0 and bench.published() == alone
            yield f"{harm.__name__.replace('_', ' ')}: {name}", f"code {code}, {text}", good


def wrong_clocks(bench: Bench, alone: dict[str, str], built: Path) -> Iterator[Row]:
    """Times of files a day ahead or years behind, as after a clock was set."""
    for what, parts, days in (
        ("all intermediates a day ahead", "data/derived", 1),
        ("all of config a day ahead", "config", 1),
        ("all data ten years back", "data/demo", -3650),
        ("all published files ten years back", "reports", -3650),
    ):
        bench.restore(built)
        moment = time.time() + days * 86_400
        for path in sorted((bench.folder / parts).rglob("*")):
            os.utime(path, (moment, moment))
        code, _ = bench.mend()
        is_same = bench.published() == alone
        yield f"clock: {what}", f"code {code}, {'the same' if is_same else 'not the same'}", code == 0 and is_same


FAULTS: dict[str, Callable[[Bench, dict[str, str], Path], Iterator[Row]]] = {
    "damaged": damaged,
    "clocks": wrong_clocks,
    "two": two_at_once,
    "disk": full_disk,
    "read-only": read_only,
}


def other_faults(bench: Bench, alone: dict[str, str], built: Path, wanted: list[str]) -> list[Row]:
    """Every other fault, told as it ends."""
    rows: list[Row] = []
    for name in wanted:
        try:
            for row in FAULTS[name](bench, alone, built):
                print(*row, sep=" | ", flush=True)
                rows.append(row)
        except PermissionError as error:
            rows.append((name, f"{UNTRIED}: {error}", True))
        bench.restore(built)
    return rows


def _ending(text: str, good: bool) -> str:
    return "–" if text.startswith(UNTRIED) else "yes" if good else "**no**"


def page_of(tally: Tally, rows: list[Row], seed: int, studies: int) -> str:
    kinds = ", ".join(f"{number} of {kind}" for kind, number in sorted(tally.kills.items()))
    lines = [
        "# Faults",
        "",
        f"`python benchmarks/faults.py --kills {tally.count} --studies {studies} --seed {seed}`,"
        f" {date.today().isoformat()}, Python {platform.python_version()}, {os.cpu_count()} cores.",
        "",
        f"{tally.kills.total()} SIGKILLs at random moments ({kinds}), each followed by a second run, {tally.unlocks} of"
        f" them after an unlock: {tally.identical} endings identical to the undisturbed run, byte by byte.",
        "",
        *(f"- **not the same** after {line}" for line in tally.different),
        *([""] if tally.different else []),
        "| fault | the run that met it | then the same bytes |",
        "|---|---|---|",
        *(f"| {name} | {text.replace('|', '/')} | {_ending(text, good)} |" for name, text, good in rows),
        "",
    ]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--minutes", type=float, default=600.0, help="no kill falls later than this")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--studies", type=int, default=1, help="studies whose runs are killed side by side")
    parser.add_argument("--faults", nargs="*", choices=list(FAULTS), default=list(FAULTS), help="the others, by name")
    parser.add_argument("--page", type=Path)
    arguments = parser.parse_args()
    deadline = time.monotonic() + 60.0 * arguments.minutes
    with tempfile.TemporaryDirectory() as name:
        room = Path(name)
        bench = make_study(room / "study")
        begun = time.monotonic()
        run = bench.start()
        while not steps_done(bench.words) and run.poll() is None:
            time.sleep(0.05)
        startup = time.monotonic() - begun
        if run.wait(timeout=PATIENCE):
            sys.exit(bench.words[-3000:])
        alone, built = bench.published(), room / "built"
        shutil.copytree(bench.folder, built)
        rows = other_faults(bench, alone, built, arguments.faults)
        tally = Tally(arguments.kills)
        with ThreadPoolExecutor(arguments.studies) as pool:
            killers = []
            for number in range(arguments.studies):
                one = Bench(room / f"killed {number}")
                shutil.copytree(built, one.folder)
                rng = random.Random(f"{arguments.seed} {number}")
                killers.append(pool.submit(random_kills, one, alone, built, tally, deadline, rng, startup))
        for killer in killers:
            killer.result()
    page = page_of(tally, rows, arguments.seed, arguments.studies)
    print(page)
    if arguments.page:
        arguments.page.write_text(page, "utf-8")
    return int(bool(tally.different) or not all(good for *_, good in rows))


if __name__ == "__main__":
    sys.exit(main())
