"""Speed of the draws against the bare matrix product, pingouin and lavaan, pairs measured in one process.

    python -m benchmarks.resampling [--million] [--page benchmarks/results/draws.md]

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
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
import pandas as pd

from benchmarks.memory import peak_bytes
from kinechain.effect_plan import plan_effects
from kinechain.io import write_frame, write_text
from kinechain.numerics import Array
from kinechain.numerics.streams import CHUNK, Scheme, stream
from kinechain.numerics.weights import multinomial_groups, multinomial_weights
from kinechain.people_on_disk import open_people
from kinechain.resampling import draw_effects, interval_table, make_drawer
from kinechain.resampling.drawer import MomentDrawer
from kinechain.resampling.draws import effects_of
from kinechain.spec import ModelSpec, spec_from_text

COVARIATES = ("age", "sex", "bmi", "sit")
CHAIN = ("x1", "x2", "x3", "x4", "x5", "x6")
MEDIATOR = "x2 ~ a*x1 + {0}\nx6 ~ b*x2 + x1 + {0}\nind := a*b"
PAIRS = 5


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


def data_of(frame: pd.DataFrame) -> dict[str, Array]:
    """Columns by name."""
    return {name: frame[name].to_numpy() for name in frame}


def seconds(action: Callable[[], object], times: int = 3) -> float:
    """Wall seconds, the least of several runs; meant for a quiet machine (the load is printed with the table)."""
    taken = []
    for _ in range(times):
        start = perf_counter()
        action()
        taken.append(perf_counter() - start)
    return min(taken)


def paired(theirs: Callable[[], object], *ours: Callable[[], object]) -> tuple[float, list[tuple[float, float]]]:
    """Median seconds of theirs; of each of ours the median seconds and the median ratio over pairs run in turn."""
    for action in ours:
        action()
    rounds = [(seconds(theirs, 1), [seconds(action, 1) for action in ours]) for _ in range(PAIRS)]
    found = [
        (median(own[k] for _, own in rounds), median(peer / own[k] for peer, own in rounds)) for k in range(len(ours))
    ]
    return median(peer for peer, _ in rounds), found


def bare_product(n: int, q: int, dtype: type) -> float:
    """Seconds a draw of the one product that cannot be avoided: the faster of two layouts, everything in place."""
    rows = min(n, 4096)
    F = np.random.default_rng(1).standard_normal((rows, q)).astype(dtype)
    W = multinomial_weights(stream(1, "bench", Scheme.MULTINOMIAL, 0), rows, CHUNK, dtype=dtype)
    return min(seconds(lambda: F.T @ W.T, 15), seconds(lambda: W @ F, 15)) / CHUNK * n / rows


@dataclass(frozen=True)
class Parts:
    """Seconds a draw of each part, measured alone: weights, product, and solving with every effect."""

    weights: float
    product: float
    solving: float


def parts_of(spec: ModelSpec, data: dict[str, Array], n: int) -> Parts:
    drawer = make_drawer(spec, data)
    assert isinstance(drawer, MomentDrawer)
    dtype, rows = drawer.source.dtype, min(n, 4096)
    rng = stream(1, "bench", Scheme.MULTINOMIAL, 0)

    def weigh() -> None:
        for _ in multinomial_groups(rng, rows, CHUNK, dtype=dtype):
            pass

    F = drawer.source.rows(slice(0, rows))
    groups = [(which, weights.copy()) for which, weights in multinomial_groups(rng, rows, CHUNK, dtype=dtype)]
    sums = np.zeros((F.shape[1], CHUNK))

    def multiply() -> None:
        for which, weights in groups:
            sums[:, which] = (weights @ F).T

    multiply()
    sums[0] = rows
    plan = plan_effects(drawer.table, spec.covariates)
    wide = np.tile(sums, 4)
    per_draw = n / rows / CHUNK
    solving = seconds(lambda: effects_of(plan, drawer._fitted(wide)), 15) / wide.shape[1]
    return Parts(seconds(weigh, 15) * per_draw, seconds(multiply, 15) * per_draw, solving)


def time_complete(spec: ModelSpec, n: int, draws: int) -> str:
    data = data_of(synthetic_people(n))
    times = PAIRS if n < 50_000 else 2
    drawer = make_drawer(spec, data)
    assert isinstance(drawer, MomentDrawer)
    p = len(data)
    q = 1 + p + p * (p + 1) // 2
    one = seconds(lambda: draw_effects(spec, data, seed=1, draws=draws), times) / draws
    two = seconds(lambda: draw_effects(spec, data, seed=1, draws=draws, cores=2), times) / draws
    bare = bare_product(n, q, np.float64)
    own = bare_product(n, q, drawer.source.dtype)
    parts = parts_of(spec, data, n)
    rest = max(one - parts.weights - parts.product - parts.solving, 0.0)
    shares = " | ".join(f"{part / one:.0%}" for part in (parts.weights, parts.product, parts.solving, rest))
    return (
        f"| {n:,} | {np.dtype(drawer.source.dtype).name} | {one * 1e6:.1f} | {bare * 1e6:.1f} | **{bare / one:.2f}** | "
        f"{bare / (2 * two):.2f} | {own / one:.2f} | {shares} |"
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


def time_pingouin(spec: ModelSpec) -> list[str]:
    """One mediator in pingouin beside our whole chain, and beside the same one mediator."""
    import pingouin

    frame = synthetic_people(300)
    data = data_of(frame)
    one = spec_from_text(MEDIATOR.format(" + ".join(COVARIATES)), covariates=COVARIATES)
    draws = 5000
    names = {"x": "x1", "m": "x2", "y": "x6", "covar": list(COVARIATES)}
    peer, (whole, bare, same) = paired(
        lambda: pingouin.mediation_analysis(frame, **names, n_boot=draws, seed=1),
        lambda: interval_table(draw_effects(spec, data, seed=1, draws=draws)),
        lambda: draw_effects(spec, data, seed=1, draws=draws),
        lambda: interval_table(draw_effects(one, data, seed=1, draws=draws)),
    )
    label = f"pingouin {pingouin.__version__}, one mediator with limits"
    tasks = (
        ("the whole open chain: 123 effects raw and standardised, limits at two levels with their errors", whole),
        ("the whole open chain, draws without limits", bare),
        ("the same one mediator, with limits", same),
    )
    return [
        f"| {label} | {peer / draws * 1e6:.0f} µs | {what} | {taken / draws * 1e6:.1f} µs | **{ratio:.0f}** |"
        for what, (taken, ratio) in tasks
    ]


def time_peers(text: str) -> list[str]:
    lines = []
    for missing, people, draws in (("listwise", synthetic_people(300), 40), ("fiml", synthetic_people(300, 0.12), 6)):
        drawn = spec_from_text(text, covariates=COVARIATES, missing=missing, fixed_x=missing != "fiml")
        data = data_of(people)
        own = seconds(lambda drawn=drawn, data=data: draw_effects(drawn, data, seed=1, draws=10_000), 2) / 10_000
        peer = time_lavaan(people, text, draws, "listwise" if missing == "listwise" else "fiml")
        n_patterns = len({row.tobytes() for row in people.isna().to_numpy()})
        what = f"{n_patterns} pattern{'s' if n_patterns > 1 else ''} of missing values ({missing}), every effect"
        ours = f"the same model, {what} | {own * 1e6:.1f} µs"
        if peer is None:
            lines.append(f"| lavaan: not installed here | – | {ours} | – |")
        else:
            lines.append(f"| lavaan {peer[1]} | {peer[0] * 1e6:,.0f} µs | {ours} | **{peer[0] / own:,.0f}** |")
    return lines


ROOT = Path(__file__).resolve().parents[1]
MILLION = 1_000_000
MIB = 1 << 20


def draw_million(way: str, file: Path, draws: int) -> None:
    """In a process of its own: print seconds of the draws; MiB before them, after, and of the largest worker."""
    spec = spec_from_text(open_chain(), covariates=COVARIATES)
    people = open_people(file)
    data = dict(people.items()) if way == "memory" else people
    before = peak_bytes() / MIB
    start = perf_counter()
    draw_effects(spec, data, seed=1, draws=draws, cores=2)
    taken = perf_counter() - start
    print(taken, before, peak_bytes() / MIB, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)


def time_million(draws: int) -> list[str]:
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "people.parquet"
        write_frame(synthetic_people(MILLION), file, {})
        for way, words in (("memory", "columns in memory"), ("disk", "row groups read from parquet as needed")):
            options = ["--draw-million", way, str(file), "--draws", str(draws)]
            command = [sys.executable, "-m", "benchmarks.resampling", *options]
            done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
            taken, before, own, child = map(float, done.stdout.split())
            lines.append(
                f"| {MILLION:,} | {draws:,} | {words} | {taken:.0f} s | {before:,.0f} | {own - before:,.0f} | "
                f"{max(child - before, 0):,.0f} |"
            )
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--million", action="store_true", help="also draws of 1,000,000 people")
    parser.add_argument("--draws", type=int, default=10_000, help="draws of 1,000,000 people")
    parser.add_argument("--page", type=Path, default=Path("benchmarks/results/draws.md"))
    parser.add_argument("--draw-million", nargs=2, metavar=("WAY", "FILE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    if any(os.environ.get(name) != "1" for name in threads):
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | threads)  # BLAS reads them when it starts
    if options.draw_million:
        draw_million(options.draw_million[0], Path(options.draw_million[1]), options.draws)
        return
    began = os.getloadavg()[0]
    text = open_chain()
    spec = spec_from_text(text, covariates=COVARIATES)
    lines = [
        "# Draws",
        "",
        "`make bench-draws`. The open chain (six variables in a row, every forward arrow, four covariates; synthetic",
        "data): 123 effects, raw and standardised, in every draw; exact multinomial weights; a BLAS thread a process.",
        "",
        "## Against peers, n = 300, a draw of theirs over a draw of ours",
        "",
        "| peer | a draw | kinechain | a draw | ratio |",
        "|---|---|---|---|---|",
        *time_peers(text),
        *time_pingouin(spec),
        "",
        "## Against the bare product of features and weights",
        "",
        "*Fraction*: time of the bare one-thread double-precision product (the faster of two layouts, weights made",
        "beforehand) over the time of a whole draw, from data to effects; *on two*: the same of two processes against",
        "twice that product. From 20,000 people features are multiplied in single precision where that is safe (a test",
        "holds the limits against double); *of its own* is the fraction of the product in that precision. The last",
        "columns say what a draw is spent on, each part measured alone.",
        "",
        "| n | precision | µs a draw | bare, µs | fraction | on two | of its own | weight | product | solve | rest |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
        *(time_complete(spec, n, draws) for n, draws in ((300, 10_000), (3_000, 10_000), (100_000, 10_240))),
        "",
        "What limits: at 300 people, solving and writing every effect; from some thousands on, the product, then",
        "making weights.",
        "",
    ]
    if options.million:
        lines += [
            "## Many people, two processes",
            "",
            "MiB: of the process before drawing (data and libraries); above that in the parent; above that in the",
            "largest worker (which shares the parent's pages).",
            "",
            "| n | draws | people | wall time | before, MiB | parent above, MiB | worker above, MiB |",
            "|---|---|---|---|---|---|---|",
            *time_million(options.draws),
            "",
        ]
    load = f"load {began:.1f} before and {os.getloadavg()[0]:.1f} after"
    lines += [f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, {load}.", ""]
    write_text("\n".join(lines), options.page)
    print("\n".join(lines))


if __name__ == "__main__":
    main()
