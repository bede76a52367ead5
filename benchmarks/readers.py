"""Time and peak memory of reading 1,000,000 people × 40 columns, beside plain pandas reading alone.

    python -m benchmarks.readers [--rows ROWS] [--page FILE]

Each reading runs in a process of its own; its peak is the resident memory it reached. Plain pandas is pandas.read_csv,
read_parquet and read_spss with their defaults. Ours reads the mapped columns as `kinechain.readers` does; `cohort`
is the whole way from file to cohort.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path

from benchmarks.memory import peak_bytes

ROOT = Path(__file__).resolve().parents[1]
COLUMNS = 40
FORMATS = {"csv": "csv", "parquet": "parquet", "sav": "sav"}


def write_files(folder: Path, rows: int) -> None:
    """The same synthetic table in three formats, and a study with a yaml for each."""
    import numpy as np
    import pandas as pd
    import pyreadstat
    import yaml

    rng = np.random.default_rng(1)
    (folder / "config" / "cohorts").mkdir(parents=True)
    (folder / "config" / "measures.yaml").write_bytes((ROOT / "config" / "measures.yaml").read_bytes())
    dictionary = yaml.safe_load((ROOT / "config" / "measures.yaml").read_text(encoding="utf-8"))
    measures = dictionary["measures"]
    bound = {name for identity in dictionary["identities"] for name in (identity["sum"], *identity["parts"])}
    names = [name for name, entry in measures.items() if "hard" in entry and "conventions" not in entry]
    names = [name for name in names if name not in bound]
    frame = pd.DataFrame({"id": np.arange(rows).astype(str)})
    columns: dict[str, dict[str, str]] = {}
    scored = next(name for name, entry in measures.items() if entry.get("derive", [{}])[0].get("kind") == "sum_score")
    items = measures[scored]["derive"][0]["items"]
    for index in range(COLUMNS - 1 - len(items)):
        name = names[index]
        low, high = measures[name]["hard"]
        drawn = rng.normal((low + high) / 2, (high - low) / 12, rows).clip(low, high)
        frame[f"x{index}"] = np.round(drawn, 2)
        columns[f"x{index}"] = {"measure": name, "unit": measures[name]["unit"]}
    for item in items:
        frame[item] = rng.integers(0, 5, rows)
        columns[item] = {"measure": scored, "item": item}
    frame.to_csv(folder / "people.csv", index=False)
    frame.to_parquet(folder / "people.parquet", index=False)
    pyreadstat.write_sav(frame, folder / "people.sav")
    for suffix, name in FORMATS.items():
        cohort = {"file": f"people.{suffix}", "format": name, "design": "cross_sectional", "sampling_frame": "general"}
        text = yaml.safe_dump({**cohort, "synthetic": True, "id": "id", "columns": columns}, sort_keys=False)
        (folder / "config" / "cohorts" / f"{name}.yaml").write_text(text, encoding="utf-8")


def run(what: str, name: str, folder: Path) -> None:
    """One reading in this process; its seconds and peak MB as json."""
    import pandas as pd

    from kinechain import io, preflight
    from kinechain.cohort_spec import parse_cohort_spec
    from kinechain.readers import READERS, read_rows

    import_module(READERS[name][0])
    dictionary = preflight.read_dictionary(folder / "config")
    spec, _ = parse_cohort_spec(name, io.read_yaml(folder / "config" / "cohorts" / f"{name}.yaml"), dictionary)
    start, busy = time.perf_counter(), time.process_time()
    if what == "plain":
        table = {"csv": pd.read_csv, "parquet": pd.read_parquet, "sav": pd.read_spss}[name](folder / f"people.{name}")
    elif what == "read":
        table = read_rows(spec, folder, dictionary).frame
    else:
        people = preflight.load_cohort(name, folder / "config").people
        assert people is not None
        table = people
    size = table.memory_usage(deep=False).sum()
    seconds, cpu = time.perf_counter() - start, time.process_time() - busy
    peak = peak_bytes() / (1 << 20)
    sys.stdout.write(json.dumps({"seconds": seconds, "cpu": cpu, "peak_mb": peak, "table_mb": float(size) / 1e6}))


PAGE = """\
# Reading large files

`make bench-readers`, {date}, {cores} cores{busy}: {rows:,} people × {columns} columns, the faster of two readings,
each in a process of its own. *plain* is pandas alone (`read_csv`, `read_parquet`, `read_spss`), *read* the columns as
our readers give them, *cohort* the whole way from file to cohort: units, ranges, scores, every suspicion. The peak is
the resident memory of the whole process, the Python libraries included (about 120 MB); the size is that of the table as
plain pandas holds it.

| format | what | seconds | of plain | processor s | peak MB | of size |
|---|---|---:|---:|---:|---:|---:|
{lines}

Aims: *read* at most 1.5 times the seconds of plain; a peak of at most 3 times the size.
"""


def page(rows: int, found: dict[tuple[str, str], dict[str, float]]) -> str:
    """What was measured, as a page."""
    import os

    lines = []
    for (form, what), one in found.items():
        plain = found[form, "plain"]
        numbers = f"{one['seconds']:.2f} | {one['seconds'] / plain['seconds']:.2f} | {one['cpu']:.2f}"
        size = f"{one['peak_mb']:.0f} | {one['peak_mb'] / plain['table_mb']:.1f}"
        lines.append(f"| {form} | {what} | {numbers} | {size} |")
    cores = os.cpu_count() or 1
    busy = ", busy with other work: seconds say little" if os.getloadavg()[0] > cores + 0.5 else ""
    date = time.strftime("%Y-%m-%d")
    return PAGE.format(date=date, cores=cores, busy=busy, rows=rows, columns=COLUMNS, lines="\n".join(lines))


def main(rows: int, page_file: Path | None = None) -> None:
    found: dict[tuple[str, str], dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_files(folder, rows)
        sys.stdout.write(f"{rows} rows x {COLUMNS} columns\n")
        sys.stdout.write(f"{'format':9}{'what':9}{'seconds':>9}{'cpu s':>9}{'peak MB':>9}{'table MB':>10}\n")
        for form in FORMATS:
            for what in ("plain", "read", "cohort"):
                command = [sys.executable, "-m", "benchmarks.readers", "--one", what, form, str(folder)]
                best = min(
                    (
                        json.loads(subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout)
                        for _ in range(2)
                    ),
                    key=lambda result: result["seconds"],
                )
                found[form, what] = best
                line = f"{best['seconds']:9.2f}{best['cpu']:9.2f}{best['peak_mb']:9.0f}{best['table_mb']:10.0f}"
                sys.stdout.write(f"{form:9}{what:9}{line}\n")
                sys.stdout.flush()
    if page_file is not None:
        page_file.write_text(page(rows, found), encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--page", type=Path, help="also write a page of the result here")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.one:
        run(chosen.one[0], chosen.one[1], Path(chosen.one[2]))
    else:
        main(chosen.rows, chosen.page)
