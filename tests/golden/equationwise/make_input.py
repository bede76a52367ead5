"""Write input.csv: 360 synthetic people in 18 sites; binary, ordered, count and numeric outcomes of a chain."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

SEED = 20261123


def synthetic(n: int = 360) -> pd.DataFrame:
    """Synthetic people: x causes m, which causes a yes or no, a grade, a count and, with sites that differ, a score."""
    rng = np.random.default_rng(np.random.SeedSequence(SEED))
    site = rng.integers(0, 18, n)
    age = rng.normal(45.0, 11.0, n)
    x = 30.0 + 0.1 * age + rng.normal(0.0, 6.0, n)
    m = 12.0 + 0.3 * x + rng.normal(0.0, 3.0, n)
    push = 0.25 * (m - 22.0) - 0.02 * (age - 45.0)
    rate = np.exp(0.6 + 0.08 * (m - 22.0))
    return pd.DataFrame(
        {
            "site": site + 1,
            "age": age.round(1),
            "x": x.round(2),
            "m": m.round(2),
            "yes": (push + rng.logistic(size=n) > 0.0).astype(int),
            "grade": np.digitize(push + rng.logistic(size=n), [-1.5, 0.0, 1.8]) + 1,
            "count": rng.poisson(rate * rng.gamma(2.0, 0.5, n)),
            "score": (40.0 + 1.5 * m + rng.normal(0.0, 3.0, 18)[site] + rng.normal(0.0, 5.0, n)).round(2),
        }
    )


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    synthetic().to_csv(Path(__file__).parent / "input.csv", index=False, lineterminator="\n")
