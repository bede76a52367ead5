"""Thousands of broken files: each must end in a cohort or in one clear line, fast, small, and without running anything.

    python -m benchmarks.corpus [FILES] [--seed S]

Files are made by spoiling the fixtures (truncated, noise, wrong encoding, ragged rows, formula cells, huge sheets,
10,000 columns, odd file names), each by its own seed, and read in worker processes that may use 1 GiB and 10 processor
seconds a file. A worker also watches that nothing starts a process, opens a connection or writes a file while it reads.

Each file is also handed to the drafting of a yaml, as `kinechain init` does it. Printed at the end: how many became
cohorts, how many ended in a line, by kind; slowest and largest; every failure. With --page the same as a page. Exit
code 1 when any file crashed, hung, wrote, or said something else than lines of the right form.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from benchmarks.memory import peak_bytes

ROOT = Path(__file__).resolve().parents[1]
SECONDS = 10
"""Processor seconds a file may take."""

PATIENCE = 120
"""Seconds by the clock after which a file is said to hang, on however busy a machine."""

MEMORY = 1 << 30
SPREADSHEET_FORMULAS = (b"=cmd()", b"=cmd|' /C calc'!A0", b"@SUM(1+1)", b'=HYPERLINK("http://x.y")', b"+1+1", b"-2+3")


def truncated(data: bytes, rng: np.random.Generator) -> bytes:
    return data[: int(rng.integers(0, len(data)))]


def noise(data: bytes, rng: np.random.Generator) -> bytes:
    """Some bytes replaced by others."""
    spoiled = bytearray(data)
    for place in rng.integers(0, len(data), int(rng.integers(1, 40))):
        spoiled[place] = int(rng.integers(0, 256))
    return bytes(spoiled)


def block_of_noise(data: bytes, rng: np.random.Generator) -> bytes:
    start = int(rng.integers(0, len(data)))
    return data[:start] + rng.bytes(int(rng.integers(1, 5000))) + data[start + int(rng.integers(0, 200)) :]


def only_noise(_data: bytes, rng: np.random.Generator) -> bytes:
    return rng.bytes(int(rng.integers(1, 20_000)))


def doubled(data: bytes, _rng: np.random.Generator) -> bytes:
    return data + data


def other_encoding(data: bytes, rng: np.random.Generator) -> bytes:
    text = data.decode("utf-8", errors="replace")
    return text.encode(("utf-16", "utf-16-le", "utf-32", "cp1252", "shift_jis")[int(rng.integers(5))], errors="replace")


def ragged(data: bytes, rng: np.random.Generator) -> bytes:
    lines = data.split(b"\n")
    for place in rng.integers(0, len(lines), 3):
        lines[place] = lines[place] + b",7" * int(rng.integers(1, 5)) if rng.random() < 0.5 else lines[place][:5]
    return b"\n".join(lines)


def formulas(data: bytes, rng: np.random.Generator) -> bytes:
    lines = [line.split(b",") for line in data.split(b"\n")]
    for _ in range(int(rng.integers(1, 8))):
        line = lines[int(rng.integers(1, len(lines)))]
        line[int(rng.integers(0, len(line)))] = SPREADSHEET_FORMULAS[int(rng.integers(len(SPREADSHEET_FORMULAS)))]
    return b"\n".join(b",".join(line) for line in lines)


def quotes(data: bytes, rng: np.random.Generator) -> bytes:
    spoiled = bytearray(data)
    for place in rng.integers(0, len(data), int(rng.integers(1, 4))):
        spoiled[place : place + 1] = (b'"', b'""', b'"\n"', b"\r", b"\0")[int(rng.integers(5))]
    return bytes(spoiled)


def odd_values(data: bytes, rng: np.random.Generator) -> bytes:
    words = (
        b"1e309",
        b"-inf",
        b"nan",
        b"0x1F",
        b"1_000",
        b"9" * 400,
        "٣".encode(),
        b"1e-400",
        b"True",
        b"2024-02-30",
        b"--",
        b"<b>x</b>",
    )
    lines = [line.split(b",") for line in data.split(b"\n")]
    for _ in range(int(rng.integers(1, 8))):
        line = lines[int(rng.integers(1, len(lines)))]
        line[int(rng.integers(0, len(line)))] = words[int(rng.integers(len(words)))]
    return b"\n".join(b",".join(line) for line in lines)


def many_columns(data: bytes, rng: np.random.Generator) -> bytes:
    more = int(rng.choice([1000, 10_000, 25_000]))
    lines = data.rstrip(b"\n").split(b"\n")
    header = b"".join(b",c%d" % index for index in range(more))
    return b"\n".join([lines[0] + header, *(line + b",1" * more for line in lines[1:])])


def long_lines(data: bytes, rng: np.random.Generator) -> bytes:
    return data.replace(b"\n", b"x" * int(rng.choice([10_000, 5_000_000])), 1)


def shuffled_header(data: bytes, rng: np.random.Generator) -> bytes:
    lines = data.split(b"\n")
    names = lines[0].split(b",")
    rng.shuffle(names)
    names[0] = names[-1] if rng.random() < 0.3 else names[0]
    return b"\n".join([b",".join(names), *lines[1:]])


def rezipped(data: bytes, rng: np.random.Generator) -> bytes:
    """A workbook whose sheet unfolds to far more, spans far cells, or holds broken xml."""
    import io

    kind = int(rng.integers(5))
    out = io.BytesIO()
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
            for entry in source.infolist():
                content = source.read(entry)
                if "sheet1" in entry.filename or entry.filename == "content.xml":
                    content = _spoiled_sheet(content, kind, rng)
                target.writestr(entry.filename if kind != 3 else "../" + entry.filename, content)
    except zipfile.BadZipFile:
        return data
    return out.getvalue()


def _spoiled_sheet(content: bytes, kind: int, rng: np.random.Generator) -> bytes:
    if kind == 0:
        return content + b" " * 600_000_000
    if kind == 1:
        far = b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>'
        content = content.replace(b"</sheetData>", far)
        cell = b'<table:table-cell table:number-columns-repeated="16000" office:value-type="float" office:value="1"/>'
        row = b'<table:table-row table:number-rows-repeated="900000">' + cell + b"</table:table-row></table:table>"
        return content.replace(b"</table:table>", row)
    if kind == 2:
        return content[: int(rng.integers(1, len(content)))]
    if kind == 4:
        return b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>' + content.replace(
            b"id", b"&b;", 3
        )
    return content


ANY: tuple[Callable[..., bytes], ...] = (truncated, noise, block_of_noise, only_noise, doubled)
TEXT = (*ANY, other_encoding, ragged, formulas, quotes, odd_values, many_columns, long_lines, shuffled_header)
SPOIL = {"csv": TEXT, "redcap": TEXT, "excel": (*ANY, rezipped), "sav": ANY, "dta": ANY, "parquet": ANY, "moments": ANY}
NAMES = (
    "plain{}",
    "with space{}",
    "ä-ö{}",
    "-rf{}",
    "$(touch x){}",
    "a;b{}",
    "x'y{}",
    '"q"{}',
    "%2e%2e{}",
    "{{x}}{}",
    "<b>{}",
)


def write_base(folder: Path) -> list[tuple[str, str, bytes, str]]:
    """The fixtures, plus parquet: (cohort, format, bytes, suffix)."""
    import pandas as pd

    from tests.fixtures.make_fixtures import make

    config = make(folder)
    pd.read_csv(folder / "data" / "f01.csv", dtype={"id": str}).to_parquet(folder / "data" / "f01.parquet")
    entry = yaml.safe_load((config / "cohorts" / "f01.yaml").read_text(encoding="utf-8"))
    entry |= {"file": "data/f01.parquet", "format": "parquet"}
    (config / "cohorts" / "f01_parquet.yaml").write_text(yaml.safe_dump(entry, sort_keys=False), encoding="utf-8")
    base = []
    for path in sorted((config / "cohorts").glob("*.yaml")):
        entry = yaml.safe_load(path.read_text(encoding="utf-8"))
        data = folder / entry["file"]
        base.append((path.stem, str(entry["format"]), data.read_bytes(), data.suffix))
    return base


def worker(folder: Path) -> None:
    """Read cohorts named on stdin, one a line; answer each with one line of json. Limits hold for each file."""
    resource.setrlimit(resource.RLIMIT_AS, (4 * MEMORY, 4 * MEMORY))  # address space; resident memory is measured below
    from kinechain.draft import FORMATS, draft_cohort
    from kinechain.errors import UserError
    from kinechain.preflight import load_cohort, read_dictionary

    dictionary = read_dictionary(folder / "config")

    def draft(cohort: str) -> None:
        """Draft a yaml for the cohort's file, which may end in lines of its own."""
        entry = yaml.safe_load((folder / "config" / "cohorts" / f"{cohort}.yaml").read_text(encoding="utf-8"))
        path = folder / entry["file"]
        if path.suffix in FORMATS:
            draft_cohort(path, entry["file"], dictionary)

    deeds: list[str] = []

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if event in ("subprocess.Popen", "os.system", "os.exec", "socket.connect", "os.remove", "os.mkdir"):
            deeds.append(event)
        elif event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"):
            deeds.append(f"open {arguments[1]}")

    for name in ("f01", "f01_parquet", "f02", "f06", "f06_dta", "f07", "f13"):
        load_cohort(name, folder / "config")  # libraries are imported, and their caches made, before the watch
        draft(name)
    sys.addaudithook(watch)

    def too_slow(_signal: int, _frame: Any) -> None:
        raise TimeoutError

    signal.signal(signal.SIGALRM, too_slow)
    for line in sys.stdin:
        deeds.clear()
        start = time.process_time()  # a busy machine is no fault of the file
        signal.setitimer(signal.ITIMER_REAL, PATIENCE)
        outcome, said = "cohort", ""
        try:
            try:
                load_cohort(line.strip(), folder / "config")
            except UserError as error:
                outcome, said = "line", str(error)
            try:
                draft(line.strip())
            except UserError as error:
                said = f"{said}\n{error}".strip()
        except Exception as error:  # noqa: BLE001 -- a crash is what this program looks for
            outcome, said = "crash", f"{type(error).__name__}: {error}"[:300]
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        peak = peak_bytes()
        answer = {
            "outcome": outcome,
            "said": said,
            "seconds": time.process_time() - start,
            "peak": peak,
            "deeds": list(deeds),
        }
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


class Reader:
    """A worker process, started again when a file kills it or its memory has grown."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process: subprocess.Popen[str] | None = None

    def ask(self, cohort: str) -> dict[str, Any]:
        if self.process is None:
            command = [sys.executable, "-m", "benchmarks.corpus", "--worker", str(self.folder)]
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT
            )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(cohort + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            code = self.process.wait()
            self.process = None
            return {"outcome": "killed", "said": f"exit code {code}", "seconds": 0.0, "peak": 0, "deeds": []}
        answer: dict[str, Any] = json.loads(line)
        if answer["peak"] > 600 << 20:
            self.close()
        return answer

    def close(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


def spoil(folder: Path, base: list[tuple[str, str, bytes, str]], index: int, seed: int) -> tuple[str, str, Path]:
    """Write the index-th spoilt file with its yaml; its cohort, what was done to it, and the data file."""
    rng = np.random.default_rng([seed, index])
    cohort, form, data, suffix = base[index % len(base)]
    ways = SPOIL[form]
    way = ways[int(rng.integers(len(ways)))]
    spoilt = way(data, rng) if data else data
    name = NAMES[int(rng.integers(len(NAMES)))].format(suffix)
    path = folder / "data" / f"spoilt {name}"
    path.write_bytes(spoilt)
    entry = yaml.safe_load((folder / "config" / "cohorts" / f"{cohort}.yaml").read_text(encoding="utf-8"))
    entry["file"] = f"data/spoilt {name}"
    text = yaml.safe_dump(entry, sort_keys=False, allow_unicode=True)
    (folder / "config" / "cohorts" / "spoilt.yaml").write_text(text, encoding="utf-8")
    return form, way.__name__, path


def is_well_said(said: str) -> bool:
    """Every line starts with the file or the yaml, and none is a traceback or endless."""
    lines = said.split("\n")
    good = ("data/", "config/")
    return bool(lines) and len(lines) < 200 and all(line.startswith(good) and len(line) < 1500 for line in lines)


PAGE = """\
# Spoilt files

`make bench-files`, {date}: {files} files (seed {seed}), made by spoiling the fixtures. Each was read as a cohort and
drafted as `kinechain init` drafts, in a process watched for starting programs, opening connections and writing files.

{cohorts} became a cohort, {lines} ended in clear lines, {failed} failed (crashed, hung, took too much, wrote or ran
something). The slowest took {slowest:.1f} processor seconds of 10 allowed; the largest {largest} MB of 1024.

| format | spoilt by | cohorts | lines |
|---|---|---:|---:|
{rows}
"""


def page(outcomes: Counter[tuple[str, str, str]], seed: int, failed: int, slowest: float, largest: int) -> str:
    """What a run found, as a page."""
    kinds = sorted({(form, way) for form, way, _ in outcomes})
    rows = "\n".join(
        f"| {form} | {way.replace('_', ' ')} | {outcomes[form, way, 'cohort']} | {outcomes[form, way, 'line']} |"
        for form, way in kinds
    )
    total = {word: sum(n for (_, _, outcome), n in outcomes.items() if outcome == word) for word in ("cohort", "line")}
    return PAGE.format(
        date=time.strftime("%Y-%m-%d"),
        files=outcomes.total(),
        seed=seed,
        cohorts=total["cohort"],
        lines=total["line"],
        failed=failed,
        slowest=slowest,
        largest=largest >> 20,
        rows=rows,
    )


def run(files: int, seed: int, page_file: Path | None = None) -> int:
    outcomes: Counter[tuple[str, str, str]] = Counter()
    failures: list[str] = []
    slowest, largest = (0.0, ""), (0, "")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        base = write_base(folder)
        known = {path.relative_to(folder) for path in folder.rglob("*")}
        reader = Reader(folder)
        for index in range(files):
            form, way, path = spoil(folder, base, index, seed)
            answer = reader.ask("spoilt")
            label = f"#{index} {base[index % len(base)][0]} {way}"
            outcomes[(form, way, answer["outcome"])] += 1
            slowest, largest = max(slowest, (answer["seconds"], label)), max(largest, (answer["peak"], label))
            if answer["outcome"] not in ("cohort", "line"):
                failures.append(f"{label}: {answer['outcome']}: {answer['said']}")
            elif answer["said"] and not is_well_said(answer["said"]):
                failures.append(f"{label}: badly said: {answer['said'][:200]}")
            if answer["seconds"] > SECONDS or answer["peak"] > MEMORY or answer["deeds"]:
                failures.append(f"{label}: {answer['seconds']:.1f} s, {answer['peak'] >> 20} MB, {answer['deeds']}")
            path.unlink()
        reader.close()
        made = {path.relative_to(folder) for path in folder.rglob("*")} - known - {Path("config/cohorts/spoilt.yaml")}
        failures += [f"wrote {path}" for path in sorted(made)]
        shutil.rmtree(folder / "data")
    total: Counter[str] = Counter()
    for (form, way, outcome), count in sorted(outcomes.items()):
        sys.stdout.write(f"{form:8} {way:16} {outcome:7} {count:6}\n")
        total[outcome] += count
    sys.stdout.write(
        f"{files} files: {dict(total)}; slowest {slowest[0]:.2f} s ({slowest[1]}); "
        f"largest {largest[0] >> 20} MB ({largest[1]})\n"
    )
    sys.stdout.write("".join(f"FAILED {line}\n" for line in failures))
    if page_file is not None:
        page_file.write_text(page(outcomes, seed, len(failures), slowest[0], largest[0]), encoding="utf-8")
    return int(bool(failures))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="?", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--page", type=Path, help="also write a page of the result here")
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.worker:
        worker(chosen.worker)
    else:
        raise SystemExit(run(chosen.files, chosen.seed, chosen.page))
