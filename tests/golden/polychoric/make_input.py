"""Write input.csv: 400 synthetic people, two covariates, two numeric and three ordered outcomes."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

SEED = 20260101


def synthetic(n: int = 400) -> pd.DataFrame:
    """Synthetic people: a multivariate normal given the covariates, three of its variables cut into classes."""
    rng = np.random.default_rng(np.random.SeedSequence(SEED))
    x = np.column_stack([rng.normal(40.0, 12.0, n), rng.integers(0, 2, n)])
    loading = np.array([0.7, 0.6, -0.5, 0.8, 0.4])
    latent = np.outer(rng.normal(size=n), loading) + rng.normal(size=(n, 5)) * np.sqrt(1 - loading**2)
    latent += np.outer((x[:, 0] - 40.0) / 12.0, [0.3, -0.2, 0.4, 0.1, 0.0]) + np.outer(
        x[:, 1], [0.2, 0.0, -0.3, 0.5, 0.1]
    )
    return pd.DataFrame(
        {
            "x1": x[:, 0].round(1),
            "x2": x[:, 1].astype(int),
            "n1": (20.0 + 5.0 * latent[:, 0]).round(2),
            "n2": (3.0 + 0.4 * latent[:, 1]).round(3),
            "o2": np.digitize(latent[:, 2], [0.3]) + 1,
            "o3": np.digitize(latent[:, 3], [-0.5, 0.8]) + 1,
            "o5": np.digitize(latent[:, 4], [-1.2, -0.4, 0.3, 1.1]) + 1,
        }
    )


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    synthetic().to_csv(Path(__file__).parent / "input.csv", index=False)
