"""How often each interval holds the true serial effect, and how often it denies a true null.

Every cohort has six variables in a row, x1 -> x2 -> ... -> x6, standardised; the model has every forward arrow, as the
study's open chain has. The serial effects x1 -> ... -> x3 (two edges) to x1 -> ... -> x6 (five edges) come from the
same draws. Three truths: every edge 0.3 (coverage), the first edge 0 and the others 0.3, every edge 0 (both: type I
error of all four effects). Disturbances are normal, skewed (exponential) or heavy-tailed (t with 5 degrees of freedom).

    python benchmarks/interval_coverage.py [--cohorts 2000] [--draws 1000] [--out docs/intervals]

writes interval_coverage.csv (one row a cell, effect and interval) and interval_coverage.svg.
"""

from __future__ import annotations

import argparse
import zlib
from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

from kinechain.numerics import Array
from kinechain.numerics.batched_moments import features, moments_of_sums, survey, weighted_sums
from kinechain.numerics.batched_recursive import Equations, RegressionDraws, regress
from kinechain.numerics.intervals import acceleration, limits
from kinechain.numerics.streams import CHUNK
from kinechain.numerics.weights import multinomial_weights

EDGES = 5
EFFECTS = (2, 3, 4, 5)
SIZES = (60, 100, 300, 1000)
TRUTHS = {"all 0.3": (0.3,) * EDGES, "first 0": (0.0, 0.3, 0.3, 0.3, 0.3), "all 0": (0.0,) * EDGES}
INTERVALS = ("percentile", "bc", "bca", "monte_carlo")
LEVEL = 0.95
OPEN_CHAIN = Equations(
    EDGES + 1, tuple(range(1, EDGES + 1)), tuple(tuple(range(y - 1, -1, -1)) for y in range(1, EDGES + 1))
)

DISTURBANCES: dict[str, Callable[[np.random.Generator, tuple[int, int]], Array]] = {
    "normal": lambda rng, size: rng.standard_normal(size),
    "skewed": lambda rng, size: rng.standard_exponential(size) - 1.0,
    "heavy-tailed": lambda rng, size: rng.standard_t(5, size) / np.sqrt(5 / 3),
}


def draw_cohort(rng: np.random.Generator, n: int, edges: tuple[float, ...], shape: str) -> Array:
    """Six standardised variables in a row (n, 6)."""
    noise = DISTURBANCES[shape](rng, (n, EDGES + 1))
    X = noise.copy()
    for k, edge in enumerate(edges):
        X[:, k + 1] = edge * X[:, k] + np.sqrt(1 - edge**2) * noise[:, k + 1]
    return X


def serial_effects(found: RegressionDraws) -> Array:
    """Products of the first two to five edges (4, D)."""
    edges = np.array([found.paths[k + 1, k] for k in range(EDGES)])
    return np.cumprod(edges, axis=0)[1:]


def judge_cohort(rng: np.random.Generator, X: Array, truth: Array, draws: int) -> dict[str, tuple[Array, Array, Array]]:
    """For each interval: whether the truth lies below it, above it, and its width, for the four effects."""
    n, p = X.shape
    scale = survey(X).scale
    F = features(X, scale)
    ratio = np.array([scale.spread[k] / scale.spread[0] for k in EFFECTS])[:, None]

    def effects(sums: Array) -> Array:
        return serial_effects(regress(moments_of_sums(sums, p).covariance, OPEN_CHAIN)) * ratio

    whole = F.sum(axis=0)[:, None]
    sample = regress(moments_of_sums(whole, p).covariance, OPEN_CHAIN)
    estimate = (serial_effects(sample) * ratio)[:, 0]
    chunks = [multinomial_weights(rng, n, min(CHUNK, draws - at)) for at in range(0, draws, CHUNK)]
    drawn = np.concatenate([effects(weighted_sums(F, W)) for W in chunks], axis=1)
    a = acceleration(effects(whole - F.T))
    normal = normal_draws(rng, sample, moments_of_sums(whole, p).covariance[:, :, 0], n, draws) * ratio
    judged = {}
    for interval in INTERVALS:
        values = normal if interval == "monte_carlo" else drawn
        found = limits(interval, values, (LEVEL,), estimate=estimate, acceleration=a, errors=0)
        low, high = found.low[:, 0], found.high[:, 0]
        judged[interval] = (truth < low, truth > high, high - low)
    return judged


def normal_draws(rng: np.random.Generator, sample: RegressionDraws, S: Array, n: int, draws: int) -> Array:
    """Serial effects of edges drawn from the normal law at their estimates and least-squares standard errors."""
    edges = np.empty((EDGES, draws))
    for k in range(EDGES):
        regressors = list(OPEN_CHAIN.regressors[k])
        inverse = np.linalg.inv(S[np.ix_(regressors, regressors)])
        error = np.sqrt(sample.residual[k + 1, 0] * inverse[0, 0] / n)
        edges[k] = sample.paths[k + 1, k, 0] + error * rng.standard_normal(draws)
    return np.cumprod(edges, axis=0)[1:]


def study_cell(n: int, shape: str, truth_name: str, cohorts: int, draws: int, seed: int) -> list[dict[str, object]]:
    """One row for each effect and interval."""
    edges = TRUTHS[truth_name]
    truth = np.cumprod(edges)[1:]
    key = zlib.crc32(f"{n} {shape} {truth_name}".encode())
    rng = np.random.Generator(np.random.SFC64(np.random.SeedSequence(seed, spawn_key=(key,))))
    below = {interval: np.zeros(len(EFFECTS)) for interval in INTERVALS}
    above = {interval: np.zeros(len(EFFECTS)) for interval in INTERVALS}
    width = {interval: np.zeros(len(EFFECTS)) for interval in INTERVALS}
    for _ in range(cohorts):
        for interval, (low, high, wide) in judge_cohort(rng, draw_cohort(rng, n, edges, shape), truth, draws).items():
            below[interval] += low
            above[interval] += high
            width[interval] += wide
    return [
        {
            "truth": truth_name,
            "distribution": shape,
            "n": n,
            "edges": EFFECTS[k],
            "interval": interval,
            "effect": truth[k],
            "outside": (below[interval][k] + above[interval][k]) / cohorts,
            "truth_below": below[interval][k] / cohorts,
            "truth_above": above[interval][k] / cohorts,
            "mean_width": width[interval][k] / cohorts,
            "cohorts": cohorts,
            "draws": draws,
        }
        for interval in INTERVALS
        for k in range(len(EFFECTS))
    ]


def draw_figure(table: pd.DataFrame, path: Path) -> None:
    """Share of cohorts whose interval leaves the truth out, against the nominal 5 %."""
    import matplotlib as mpl

    mpl.use("svg")
    import matplotlib.pyplot as plt

    mpl.rcParams["svg.hashsalt"] = "kinechain"
    shapes, truths = list(DISTURBANCES), list(TRUTHS)
    figure, axes = plt.subplots(len(truths), len(shapes) * len(EFFECTS), figsize=(16, 7), sharex=True, sharey="row")
    noise = 2 * np.sqrt(0.05 * 0.95 / table["cohorts"].iloc[0])
    styles = dict(zip(INTERVALS, (("o", "#0072B2"), ("s", "#E69F00"), ("^", "#D55E00"), ("D", "#009E73")), strict=True))
    for (r, truth), (c, (shape, edges)) in product(enumerate(truths), enumerate(product(shapes, EFFECTS))):
        ax = axes[r, c]
        cell = table[(table.truth == truth) & (table.distribution == shape) & (table.edges == edges)]
        ax.axhspan(0.05 - noise, 0.05 + noise, color="0.88", lw=0)
        ax.axhline(0.05, color="0.5", lw=0.8)
        for interval, (marker, colour) in styles.items():
            own = cell[cell.interval == interval]
            ax.plot(own.n, own.outside, marker=marker, color=colour, ms=3.5, lw=1, label=interval)
        ax.set_xscale("log")
        ax.set_xticks(SIZES, [str(n) for n in SIZES], fontsize=6)
        ax.minorticks_off()
        if r == 0:
            ax.set_title(f"{shape}\n{edges} edges", fontsize=8)
        if c == 0:
            ax.set_ylabel(f"edges {truth}\nshare outside", fontsize=8)
    axes[-1, 0].set_xlabel("people (synthetic)", fontsize=8)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="upper center", ncols=4, fontsize=8, frameon=False)
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cohorts", type=int, default=2000)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("docs/intervals"))
    options = parser.parse_args()
    rows: list[dict[str, object]] = []
    for truth, shape, n in product(TRUTHS, DISTURBANCES, SIZES):
        rows += study_cell(n, shape, truth, options.cohorts, options.draws, options.seed)
        print(f"{truth}, {shape}, n={n}: done", flush=True)
    options.out.mkdir(parents=True, exist_ok=True)
    table = pd.DataFrame(rows)
    table.to_csv(options.out / "interval_coverage.csv", index=False, float_format="%.6g", lineterminator="\n")
    draw_figure(table, options.out / "interval_coverage.svg")


if __name__ == "__main__":
    main()
