"""Speed of the draws against the bare matrix product, pingouin and lavaan, pairs measured in one process.

    python benchmarks/resampling.py [--million] [--out benchmarks/RESULTS.md]

The model is the study's open chain: six variables in a row with every forward arrow, four covariates, every specific
and total effect, raw and standardised in every draw. Data are synthetic. lavaan is timed where Rscript has it.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd

from kinechain.numerics.batched_moments import precision_for
from kinechain.numerics.streams import CHUNK, Scheme, stream
from kinechain.numerics.weights import multinomial_weights
from kinechain.resampling import draw_effects, interval_table
from kinechain.spec import ModelSpec, spec_from_text

COVARIATES = ("age", "sex", "bmi", "sit")
CHAIN = ("x1", "x2", "x3", "x4", "x5", "x6")
BEGIN, END = "<!-- resampling: begin -->", "<!-- resampling: end -->"


def open_chain() -> str:
    """Every forward arrow and the covariates, with the product of the five edges."""
    lines = []
    for k in range(1, len(CHAIN)):
        terms = [f"e{k}*{CHAIN[k - 1]}", *CHAIN[: k - 1][::-1], *COVARIATES]
        lines.append(f"{CHAIN[k]} ~ {' + '.join(terms)}")
    return "\n".join([*lines, "chain := e1*e2*e3*e4*e5"])


def synthetic_people(n: int, gaps: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(7)
    columns = {"age": rng.normal(45, 12, n), "sex": (rng.random(n) < 0.55).astype(float)}
    columns |= {"bmi": rng.normal(25, 4, n), "sit": rng.normal(8, 2, n)}
    before = rng.normal(size=n)
    for name in CHAIN:
        before = 0.4 * before + 0.01 * columns["age"] + 0.1 * columns["sex"] + rng.normal(size=n)
        columns[name] = before
    frame = pd.DataFrame(columns)
    if gaps:
        hidden = rng.random((n, len(CHAIN))) < gaps * 2 / (1 + np.exp(-(frame[["age"]].to_numpy() - 45) / 12))
        frame[list(CHAIN)] = frame[list(CHAIN)].mask(hidden)
    return frame


def seconds(action: Callable[[], object], times: int = 3) -> float:
    """Wall seconds, the least of several runs; meant for a quiet machine (the load is printed with the table)."""
    taken = []
    for _ in range(times):
        start = perf_counter()
        action()
        taken.append(perf_counter() - start)
    return min(taken)


def bare_product(frame: pd.DataFrame, n: int) -> tuple[float, float, str]:
    """Seconds a draw of the one product that cannot be avoided, and of making exact weights for it."""
    X = frame.to_numpy()
    dtype = precision_for(X)
    rows = min(n, 4096)
    q = 1 + X.shape[1] + X.shape[1] * (X.shape[1] + 1) // 2
    F = np.random.default_rng(1).standard_normal((rows, q)).astype(dtype)
    rng = stream(1, "bench", Scheme.MULTINOMIAL, 0)
    W = multinomial_weights(rng, rows, CHUNK, dtype=dtype)
    product = seconds(lambda: F.T @ W.T, 15) / CHUNK * n / rows
    weights = seconds(lambda: multinomial_weights(rng, rows, CHUNK, dtype=dtype), 15) / CHUNK * n / rows
    return product, weights, np.dtype(dtype).name


def time_complete(spec: ModelSpec, n: int, draws: int) -> str:
    frame = synthetic_people(n)
    product, weights, precision = bare_product(frame, n)
    one = seconds(lambda: draw_effects(spec, frame, seed=1, draws=draws), 5 if n < 50_000 else 1) / draws
    two = seconds(lambda: draw_effects(spec, frame, seed=1, draws=draws, cores=2), 3 if n < 50_000 else 1) / draws
    again, *_ = bare_product(frame, n)
    product = min(product, again)
    rest = max(one - product - weights, 0.0)
    return (
        f"| {n:,} | {draws:,} | {precision} | {one * 1e6:.1f} | {product * 1e6:.1f} | **{product / one:.2f}** | "
        f"{product / (2 * two):.2f} | {weights / one:.0%} | {rest / one:.0%} |"
    )


LAVAAN = """
suppressMessages(library(lavaan)); arguments <- commandArgs(TRUE)
people <- read.csv(arguments[1]); model <- paste(readLines(arguments[2]), collapse = "\\n")
draws <- as.integer(arguments[3]); gaps <- arguments[4]
fit <- sem(model, people, missing = gaps, fixed.x = gaps != "fiml", se = "none")
taken <- system.time(bootstrapLavaan(fit, R = draws))[["elapsed"]]
cat(taken / draws, as.character(packageVersion("lavaan")))
"""


def time_lavaan(frame: pd.DataFrame, text: str, draws: int, missing: str) -> tuple[float, str] | None:
    """Seconds a draw, and lavaan's version; None where Rscript or lavaan is not installed."""
    if shutil.which("Rscript") is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        data, model, script = (Path(folder) / name for name in ("people.csv", "model.lav", "time.R"))
        frame.to_csv(data, index=False)
        model.write_text(text)
        script.write_text(LAVAAN)
        command = ["Rscript", str(script), str(data), str(model), str(draws), missing]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        print(done.stderr, file=sys.stderr)
        return None
    taken, version = done.stdout.split()
    return float(taken), version


def time_peers(spec: ModelSpec, text: str) -> list[str]:
    import pingouin

    frame = synthetic_people(300)
    lines = []
    ours = seconds(lambda: interval_table(draw_effects(spec, frame, seed=1, draws=5000)), 5)
    theirs = seconds(
        lambda: pingouin.mediation_analysis(frame, x="x1", m="x2", y="x6", covar=list(COVARIATES), n_boot=5000, seed=1),
        2,
    )
    lines.append(
        f"| pingouin {pingouin.__version__}, one mediator, 5,000 draws, n=300 | {theirs:.2f} s | "
        f"whole model with limits: {ours:.3f} s | {theirs / ours:.0f} |"
    )
    for missing, people, draws in (("listwise", frame, 40), ("fiml", synthetic_people(300, 0.12), 6)):
        drawn = spec_from_text(text, covariates=COVARIATES, missing=missing, fixed_x=missing != "fiml")
        own = seconds(lambda drawn=drawn, people=people: draw_effects(drawn, people, seed=1, draws=10_000), 2) / 10_000
        peer = time_lavaan(people, text, draws, "listwise" if missing == "listwise" else "fiml")
        n_patterns = len({row.tobytes() for row in people.isna().to_numpy()})
        what = f"a draw, n=300, {n_patterns} pattern{'s' if n_patterns > 1 else ''} of missing values ({missing})"
        if peer is None:
            lines.append(f"| lavaan: not installed here; {what} | – | {own * 1e6:.0f} µs | – |")
        else:
            lines.append(
                f"| lavaan {peer[1]}, {what} | {peer[0] * 1e3:.0f} ms | {own * 1e6:.0f} µs | {peer[0] / own:,.0f} |"
            )
    return lines


def time_million(spec: ModelSpec) -> str:
    frame = synthetic_people(1_000_000)
    data = {name: frame[name].to_numpy() for name in frame}
    del frame
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = perf_counter()
    draw_effects(spec, data, seed=1, draws=10_000, cores=2)
    taken = perf_counter() - start
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    each = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return (
        f"10,000 draws of 1,000,000 people with exact multinomial weights, two processes: {taken:.0f} s of wall time. "
        f"Memory above the data: {(own - before) / 2**20:.2f} GiB in the parent; the largest worker holds "
        f"{each / 2**20:.2f} GiB in all, the shared data included."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--million", action="store_true", help="also 10,000 draws of 1,000,000 people")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/RESULTS.md"))
    options = parser.parse_args()
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    if any(os.environ.get(name) != "1" for name in threads):
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | threads)  # BLAS reads them when it starts
    text = open_chain()
    spec = spec_from_text(text, covariates=COVARIATES)
    lines = [
        BEGIN,
        "## Draws",
        "",
        "The open chain with four covariates, every effect raw and standardised, from data to draws, one BLAS thread a",
        "process (`python benchmarks/resampling.py`, synthetic data). *Product* is the bare product of features and",
        "weights alone, measured in the same process and precision; the fraction is its share of the whole.",
        "",
        "| n | draws | precision | µs a draw | product, µs | fraction | on 2 processes | weights | the rest |",
        "|---|---|---|---|---|---|---|---|---|",
        *(time_complete(spec, n, draws) for n, draws in ((300, 10_000), (3_000, 10_000), (100_000, 10_240))),
        "",
        "| peer and task | peer | kinechain | ratio |",
        "|---|---|---|---|",
        *time_peers(spec, text),
        "",
    ]
    if options.million:
        lines += [time_million(spec), ""]
    lines += [f"Machine: {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the end of the run.", END]
    section = "\n".join(lines)
    known = options.out.read_text() if options.out.exists() else "# Benchmarks\n"
    if BEGIN in known:
        known = known[: known.index(BEGIN)] + section + known[known.index(END) + len(END) :]
    else:
        known = known.rstrip() + "\n\n" + section + "\n"
    options.out.write_text(known)
    print(section)


if __name__ == "__main__":
    main()
