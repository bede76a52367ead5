"""Time the engine beside its peers: one fit by ML, one by full information, one of a million people.

Every line is measured in one run on one machine, each peer in a process of its own, in processor seconds of one thread:
a shared machine makes clocks wait, for one program more than for another. semopy is run where SEMOPY_PYTHON (or
--semopy) names a Python that has it; lavaan where Rscript is. A peer that is absent is skipped, and said so.
Writes benchmarks/results/engine.md.

    python -m venv semopy && semopy/bin/pip install semopy
    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python benchmarks/engine.py --semopy semopy/bin/python
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
COVARIATES = "age + sex + bmi + act"
MODEL = f"""
m1 ~ a1*x + {COVARIATES}
m2 ~ d21*m1 + a2*x + {COVARIATES}
m3 ~ d32*m2 + d31*m1 + a3*x + {COVARIATES}
m4 ~ d43*m3 + d42*m2 + d41*m1 + a4*x + {COVARIATES}
y ~ b4*m4 + b3*m3 + b2*m2 + b1*m1 + cp*x + {COVARIATES}
"""
ROUTES = [
    *("a1*b1", "a2*b2", "a3*b3", "a4*b4", "a1*d21*b2", "a1*d31*b3", "a1*d41*b4", "a2*d32*b3", "a2*d42*b4", "a3*d43*b4"),
    *("a1*d21*d32*b3", "a1*d21*d42*b4", "a1*d31*d43*b4", "a2*d32*d43*b4", "a1*d21*d32*d43*b4"),
]
"""Every specific indirect effect of x on y."""
DEFINED = (
    "\n"
    + "".join(f"ind{number} := {route}\n" for number, route in enumerate(ROUTES, start=1))
    + f"indirect := {' + '.join(f'ind{number}' for number in range(1, len(ROUTES) + 1))}\n"
    + "total := cp + indirect\n"
)
MILLION = 1_000_000

LAVAAN = """
suppressMessages(library(lavaan)); a <- commandArgs(TRUE)
d <- read.csv(a[1]); model <- readLines(a[2]); missing <- a[3] == "fiml"; repeats <- as.integer(a[4])
run <- function() if (missing) sem(model, d, missing = "fiml", fixed.x = FALSE) else sem(model, d, meanstructure = TRUE)
invisible(run()); times <- replicate(repeats, sum(system.time(run())[c("user.self", "sys.self")]))
cat(sprintf("%.6f", median(times)))
"""
SEMOPY = """
import sys, time, statistics, warnings
warnings.simplefilter("ignore")
import pandas as pd, semopy
d = pd.read_csv(sys.argv[1]); text = open(sys.argv[2]).read(); times = []
for _ in range(int(sys.argv[4]) + 1):
    begin = time.process_time()
    model = semopy.Model(text)
    model.fit(d, obj="FIML" if sys.argv[3] == "fiml" else "MLW")
    model.inspect()
    times.append(time.process_time() - begin)
print(statistics.median(times[1:]))
"""
MEMORY = """
import json, sys, tracemalloc
import numpy as np
data = dict(np.load(sys.argv[1]))
from kinechain.estimators import fit_model
from kinechain.spec import spec_from_text
import kinechain.estimators.normal
tracemalloc.start()
fit = fit_model(spec_from_text(open(sys.argv[2]).read(), meanstructure=True), data)
print(json.dumps([sum(v.nbytes for v in data.values()), tracemalloc.get_traced_memory()[1], fit.status.code]))
"""


@dataclass(frozen=True, slots=True)
class Timing:
    """Median seconds of one piece of work by each program; None where it is absent or failed, with the reason."""

    work: str
    ours: float
    lavaan: float | None
    semopy: float | None


def people(n: int, seed: int = 20261124) -> pd.DataFrame:
    """Synthetic people: a serial chain of four mediators with four covariates."""
    rng = np.random.default_rng(np.random.SeedSequence(seed))
    age, bmi, act = rng.normal(40, 11, n), rng.normal(25, 3.5, n), rng.normal(7, 3, n)
    sex = rng.integers(0, 2, n).astype(float)
    last = 0.1 * age + rng.normal(0, 8, n)
    columns = {"age": age, "sex": sex, "bmi": bmi, "act": act, "x": last}
    for name in ("m1", "m2", "m3", "m4", "y"):
        last = 0.4 * last + 0.05 * age + 0.5 * sex + rng.normal(0, 5, n)
        columns[name] = last
    return pd.DataFrame(columns)


def with_gaps(frame: pd.DataFrame, seed: int = 5) -> pd.DataFrame:
    """The same people with 8 % of the chain missing at random given age."""
    rng = np.random.default_rng(np.random.SeedSequence(seed))
    holed, rank = frame.copy(), frame["age"].rank(pct=True)
    for name in ("x", "m1", "m2", "m3", "m4", "y"):
        holed[name] = holed[name].where(rng.uniform(size=len(frame)) > 0.16 * rank)
    return holed


def median_seconds(work: Callable[[], object], repeats: int) -> float:
    """Median processor seconds of at least so many calls and a second of them, after one that is not counted."""
    work()
    times: list[float] = []
    while len(times) < repeats or sum(times) < 1.0:
        begin = time.process_time()
        work()
        times.append(time.process_time() - begin)
    return float(np.median(times))


def of_peer(command: list[str], script: str, suffix: str, arguments: list[str], folder: Path) -> float | None:
    """Seconds a peer prints; None when it cannot run."""
    path = folder / f"peer{suffix}"
    path.write_text(script, encoding="utf-8")
    done = subprocess.run([*command, str(path), *arguments], capture_output=True, text=True, check=False, timeout=1800)
    try:
        return float(done.stdout.strip().split()[-1])
    except (ValueError, IndexError):
        print(f"{command[0]} failed: {done.stderr.strip().splitlines()[-1:] or ['no output']}", file=sys.stderr)
        return None


def time_fit(
    frame: pd.DataFrame, work: str, missing: str, repeats: int, lavaan: str | None, semopy: str | None
) -> Timing:
    """One model by the engine and the peers that are there, on the same file: as lavaan does in one call, with fit
    measures and with the standard errors of parameters and of 17 defined effects."""
    from kinechain.effects import estimate_definitions
    from kinechain.estimators import fit_model
    from kinechain.spec import spec_from_text

    spec = spec_from_text(MODEL + DEFINED, missing=missing, fixed_x=missing != "fiml", meanstructure=True)
    data = {name: frame[name].to_numpy() for name in frame}
    ours = median_seconds(lambda: estimate_definitions(fit_model(spec, data)), repeats)
    assert fit_model(spec, data).status.code == "converged"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        table, full, plain = folder / "data.csv", folder / "full.lav", folder / "plain.lav"
        frame.to_csv(table, index=False)
        full.write_text(MODEL + DEFINED, encoding="utf-8")
        # semopy knows neither labels nor definitions
        plain.write_text("\n".join(strip_labels(line) for line in MODEL.splitlines()), encoding="utf-8")
        count = str(max(3, min(repeats, 15)))
        of_lavaan = of_peer([lavaan], LAVAAN, ".R", [str(table), str(full), missing, count], folder) if lavaan else None
        of_semopy = (
            of_peer([semopy], SEMOPY, ".py", [str(table), str(plain), missing, count], folder) if semopy else None
        )
    return Timing(work, ours, of_lavaan, of_semopy)


def strip_labels(line: str) -> str:
    """An equation without labels."""
    if "~" not in line:
        return line
    left, right = line.split("~")
    return f"{left}~ " + " + ".join(term.split("*")[-1].strip() for term in right.split("+"))


def measure_memory(frame: pd.DataFrame) -> tuple[float, float]:
    """Megabytes of the data, and what fitting adds at its peak, in a fresh process."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        np.savez(folder / "data.npz", **{column: frame[column].to_numpy() for column in frame})
        (folder / "model.lav").write_text(MODEL + DEFINED, encoding="utf-8")
        (folder / "memory.py").write_text(MEMORY, encoding="utf-8")
        done = subprocess.run(
            [sys.executable, str(folder / "memory.py"), str(folder / "data.npz"), str(folder / "model.lav")],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
    size, peak, status = json.loads(done.stdout)
    assert status == "converged"
    return size / 1e6, peak / 1e6


def page(timings: list[Timing], memory: tuple[float, float], command: str, absent: list[str]) -> str:
    """The page for the results folder."""

    def ms(seconds: float | None) -> str:
        return "-" if seconds is None else f"{1000 * seconds:.2f} ms" if seconds < 0.1 else f"{seconds:.2f} s"

    def times(peer: float | None, ours: float) -> str:
        return "-" if peer is None else f"{peer / ours:.0f}"

    data, added = memory
    lines = [
        "# The engine's speed and memory, beside its peers",
        "",
        f"`{command}`, {date.today().isoformat()}, {platform.machine()}, {os.cpu_count()} cores, one thread each.",
        "Model: a serial chain with four mediators and four covariates; fit measures, standard errors and 17 defined",
        "effects with theirs included (semopy has no defined effects and fits without them);",
        "median processor time of repeated fits in a warm process, data already loaded.",
        *(f"Skipped: {name}." for name in absent),
        "",
        "| work | kinechain | lavaan | semopy | lavaan / kinechain | semopy / kinechain |",
        "|---|---:|---:|---:|---:|---:|",
        *(
            f"| {t.work} | {ms(t.ours)} | {ms(t.lavaan)} | {ms(t.semopy)} "
            f"| {times(t.lavaan, t.ours)} | {times(t.semopy, t.ours)} |"
            for t in timings
        ),
        "",
        f"Memory at n = 1,000,000: the data take {data:.0f} MB; fitting adds {added:.0f} MB at its peak, "
        f"so that data and fit together take {(data + added) / data:.2f} times the data.",
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--semopy", default=os.environ.get("SEMOPY_PYTHON"), help="a Python that has semopy")
    parser.add_argument("--repeats", type=int, default=50)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "engine.md")
    arguments = parser.parse_args()
    if os.environ.get("OPENBLAS_NUM_THREADS") != "1":
        parser.error("set OMP_NUM_THREADS=1 and OPENBLAS_NUM_THREADS=1, so that every program has one thread")
    lavaan = shutil.which("Rscript")
    semopy = arguments.semopy
    absent = [
        name for name, there in (("lavaan (no Rscript)", lavaan), ("semopy (no Python with it)", semopy)) if not there
    ]
    small, large = people(300), people(MILLION)
    timings = [
        time_fit(small, "ML, n = 300", "listwise", arguments.repeats, lavaan, semopy),
        time_fit(with_gaps(small), "FIML, n = 300", "fiml", max(5, arguments.repeats // 5), lavaan, semopy),
        time_fit(large, "ML, n = 1,000,000", "listwise", 5, lavaan, semopy),
    ]
    text = page(timings, measure_memory(large), f"python benchmarks/engine.py --repeats {arguments.repeats}", absent)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
