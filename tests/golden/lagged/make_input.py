"""Draw three visits of two variables whose people differ for good, and write the models both programs read.

.venv/bin/python tests/golden/lagged/make_input.py
"""

from pathlib import Path

import numpy as np

from kinechain.io import write_text
from kinechain.trials.lagged import cross_lagged_text, growth_text, latent_change_text, random_intercept_text

HERE = Path(__file__).resolve().parent
VISITS, DAYS = ("t1", "t2", "t3"), (0.0, 84.0, 210.0)


def models() -> dict[str, str]:
    """Name -> lavaan text."""
    return {
        "cross_lagged": cross_lagged_text("x", "y", VISITS, ["age"]),
        "cross_lagged_equal": cross_lagged_text("x", "y", VISITS, ["age"], equal=True),
        "random_intercept": random_intercept_text("x", "y", VISITS),
        "latent_change": latent_change_text("x", "y", VISITS),
        "growth": growth_text("y", VISITS, DAYS),
    }


def main() -> None:
    random = np.random.default_rng(20260102)
    n = 400
    age = np.round(random.normal(45, 10, n))
    always = random.multivariate_normal([0, 0], [[4, 1.5], [1.5, 9]], n)
    w = random.multivariate_normal([0, 0], [[9, 3], [3, 16]], n)
    x, y = [], []
    for _ in VISITS:
        x.append(50 + always[:, 0] + w[:, 0] + 0.05 * (age - 45))
        y.append(20 + always[:, 1] + w[:, 1] + 0.05 * (age - 45) - 0.5 * len(y))
        noise = random.multivariate_normal([0, 0], [[6, 1], [1, 10]], n)
        w = w @ np.array([[0.4, 0.35], [0.1, 0.35]]) + noise
    gone = random.random(n) < 1 / (1 + np.exp(2.0 - (y[1] - 20) / 8))
    lines = ["x_t1,x_t2,x_t3,y_t1,y_t2,y_t3,age"]
    for i in range(n):
        late = ["" if gone[i] else f"{z[2][i]:.2f}" for z in (x, y)]
        row = [f"{x[0][i]:.2f}", f"{x[1][i]:.2f}", late[0], f"{y[0][i]:.2f}", f"{y[1][i]:.2f}", late[1]]
        lines.append(",".join([*row, f"{age[i]:.0f}"]))
    write_text("\n".join(lines) + "\n", HERE / "input.csv")
    for name, text in models().items():
        write_text(text + "\n", HERE / f"{name}.lav")


if __name__ == "__main__":
    main()
