"""The default study under two kernels: does another processor publish the same bytes?

    python -m benchmarks.processors [--page FILE.md]        (make bench-processors)

The study is built twice in copies of the repository: as this processor does arithmetic, and as an old one without wide
registers would, which the libraries do when they are asked to (other kernels for matrix products, other order of sums,
other series for exp and log). Every published file is compared; of a table whose bytes differ it is told whether its
numbers are the same to four significant digits.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.scale import CORES, copy_repository
from kinechain.environment import arithmetic
from kinechain.io import write_text
from kinechain.manifest import about, tier_of

OLD: Mapping[str, str] = {
    "OPENBLAS_CORETYPE": "Prescott",
    "NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4 AVX512_ICL AVX512_SPR",
}
"""What makes OpenBLAS and numpy choose the kernels of a processor of 2004."""
OF_ONE_RUN = ("run.json", "run.html", "manifest.json")


def build(folder: Path, kernel: Mapping[str, str]) -> dict[str, Path]:
    """Build the default study in a copy of the repository; published name -> file."""
    copy_repository(folder)
    environment = os.environ | {"PYTHONPATH": str(folder / "workflow"), "OMP_NUM_THREADS": "1", **kernel}
    command = [sys.executable, "-m", "snakemake", "--cores", str(CORES), "--quiet", "all"]
    subprocess.run(command, cwd=folder, env=environment, check=True)
    kept = (path for path in (folder / "reports").rglob("*") if path.is_file() and not path.name.startswith("."))
    found = (path for path in kept if path.name not in OF_ONE_RUN)
    return {path.relative_to(folder).as_posix(): path for path in sorted(found)}


def compare(here: Mapping[str, Path], there: Mapping[str, Path]) -> tuple[Counter[tuple[str, str]], list[str]]:
    """(tier, how it compared) -> files, and the files that differ, told."""
    counts: Counter[tuple[str, str]] = Counter()
    told: list[str] = []
    for name in sorted({*here, *there}):
        if name not in here or name not in there:
            counts["number", "made by one only"] += 1
            told.append(f"{name}: made by one only")
            continue
        one, other = here[name].read_bytes(), there[name].read_bytes()
        tier = tier_of(here[name])
        if hashlib.sha256(one).digest() == hashlib.sha256(other).digest():
            counts[tier, "the same bytes"] += 1
            continue
        is_about = tier == "number" and about(one.decode()) == about(other.decode())
        how = "the same to four digits" if is_about else "differs"
        counts[tier, how] += 1
        told.append(f"{name}: {how}")
    return counts, told


def kernel_of(kernel: Mapping[str, str]) -> str:
    """What a process under these settings calls its arithmetic."""
    words = "from kinechain.environment import arithmetic; print(arithmetic())"
    done = subprocess.run(
        [sys.executable, "-c", words], env=os.environ | dict(kernel), capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def main() -> None:
    """Build twice, compare, tell; exit code 1 when a table differs by more than its last digits."""
    parser = argparse.ArgumentParser(description="The default study under two kernels.")
    parser.add_argument("--page", type=Path, help="markdown file for the result")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        counts, told = compare(build(Path(one), {}), build(Path(other), OLD))
    rows = [f"| {tier} | {how} | {count} |" for (tier, how), count in sorted(counts.items())]
    lines = [
        "# The default study under two kernels",
        "",
        f"`python -m benchmarks.processors`, {datetime.now(UTC).date().isoformat()}. Here: {arithmetic()}; "
        f"there: {kernel_of(OLD)} (and numpy without wide registers).",
        "",
        "| tier | published files | number |",
        "|---|---|---|",
        *rows,
        *(["", "Those that differ:", "", *(f"- {line}" for line in told)] if told else []),
    ]
    text = "\n".join(lines) + "\n"
    print(text)
    if given.page:
        write_text(text, given.page)
    sys.exit(1 if any(tier == "number" and how in ("differs", "made by one only") for tier, how in counts) else 0)


if __name__ == "__main__":
    main()
