"""Seeded people for the bootstrap goldens: three edges, skewed, four sites of unequal size, families of three."""

from pathlib import Path

import numpy as np

N = 150
SITES = (70, 40, 25, 15)


def main() -> None:
    rng = np.random.default_rng(404)
    site = np.repeat(np.arange(len(SITES)), SITES)
    family = rng.permutation(np.arange(N) // 3)
    common = rng.normal(0, 0.5, family.max() + 1)[family]
    age = rng.normal(40, 9, N)
    x = rng.gamma(2.0, 1.5, N) + 0.03 * age + 0.4 * site + common
    m1 = 0.45 * x + 0.02 * age + rng.chisquare(3, N) - 3 + common
    m2 = -0.35 * m1 + 0.1 * x + rng.normal(0, 1.2, N) - 0.3 * site
    y = 0.3 * m2 + 0.1 * m1 + rng.standard_t(5, N) + 0.01 * age + common
    rows = np.column_stack([site + 1, family + 1, age, x, m1, m2, y])
    text = "\n".join(",".join(f"{value:.8g}" for value in row) for row in rows)
    Path("people.csv").write_text(f"site,family,age,x,m1,m2,y\n{text}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
