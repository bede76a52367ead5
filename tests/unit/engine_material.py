"""Small seeded data sets for tests of the engine."""

from __future__ import annotations

import numpy as np

from kinechain.numerics import Array

SERIAL = "m ~ a*x + z\ny ~ b*m + c*x + z\nind := a*b\ntotal := c + ind\n"
CHAIN = "m ~ a*x + z\ny ~ b*m + z\nind := a*b\n"
FACTOR = "f =~ u1 + u2 + u3 + u4\nf ~ g*x\n"


def serial_data(n: int = 200, seed: int = 1, gaps: float = 0.0) -> dict[str, Array]:
    """x -> m -> y with a covariate z; a share `gaps` of m and y is missing."""
    rng = np.random.default_rng(seed)
    x, z = rng.normal(5.0, 2.0, n), rng.normal(0.0, 1.0, n)
    m = 1.0 + 0.5 * x + 0.3 * z + rng.normal(0.0, 1.0, n)
    y = 2.0 + 0.4 * m + 0.2 * x - 0.2 * z + rng.normal(0.0, 1.5, n)
    data = {"x": x, "z": z, "m": m, "y": y}
    for name in ("m", "y"):
        data[name] = np.where(rng.random(n) < gaps, np.nan, data[name])
    return data


def factor_data(n: int = 300, seed: int = 2) -> dict[str, Array]:
    """Four indicators of one factor that depends on x, and a group."""
    rng = np.random.default_rng(seed)
    x = rng.normal(0.0, 1.0, n)
    f = 0.6 * x + rng.normal(0.0, 1.0, n)
    data = {f"u{i}": i + weight * f + rng.normal(0.0, 0.8, n) for i, weight in enumerate((1.0, 0.8, 1.2, 0.9), start=1)}
    return {**data, "x": x, "g": (np.arange(n) % 2).astype(np.float64)}
