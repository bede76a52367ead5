"""Draw the input of the golden comparison: four arms, three visits, visits lost at random given the one before.

.venv/bin/python tests/golden/longitudinal/make_input.py
"""

from pathlib import Path

import numpy as np

from kinechain.io import write_text

HERE = Path(__file__).resolve().parent


def main() -> None:
    random = np.random.default_rng(20260101)
    n, arms, visits = 160, 4, 3
    arm = np.arange(n) % arms
    site = np.arange(n) // 16
    age = np.round(random.normal(45, 10, n))
    Sigma = np.array([[60.0, 35.0, 30.0], [35.0, 70.0, 45.0], [30.0, 45.0, 80.0]])
    Y = random.multivariate_normal([20.0, 17.0, 17.0], Sigma, n) + 0.1 * (age - 45)[:, None]
    Y += random.normal(0, 2, site.max() + 1)[site][:, None]
    Y[:, 1] -= np.array([0.0, 2.0, 4.0, 5.0])[arm]
    Y[:, 2] -= np.array([0.0, 1.0, 4.0, 1.0])[arm]
    Y = np.round(Y, 1)
    gone = random.random(n) < 1 / (1 + np.exp(2.5 - (Y[:, 1] - 17) / 8))
    Y[gone, 2] = np.nan
    Y[random.random(n) < 0.08, 1] = np.nan
    lines = ["id,arm,site,age,visit,y"]
    for i in range(n):
        for v in range(visits):
            value = "" if np.isnan(Y[i, v]) else f"{Y[i, v]:.1f}"
            lines.append(f"{i},{arm[i]},{site[i]},{age[i]:.0f},{v},{value}")
    write_text("\n".join(lines) + "\n", HERE / "input.csv")


if __name__ == "__main__":
    main()
