"""Write the synthetic data files that make.R and the golden tests read (data/*.csv). Same seed, same bytes."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).parent / "data"
SEED = 20261122


def stream(number: int) -> np.random.Generator:
    """One stream a file: adding a file changes no other."""
    return np.random.default_rng(np.random.SeedSequence(SEED, spawn_key=(number,)))


def serial() -> pd.DataFrame:
    """420 people in 24 sites and three groups: a serial chain x -> m1 -> m2 -> y with covariates and a product."""
    rng = stream(1)
    n = 420
    site = rng.integers(0, 24, n)
    shift = rng.normal(0, 0.5, (24, 3))[site]
    group = rng.choice(["urban", "rural", "coast"], n, p=[0.5, 0.3, 0.2])
    age = rng.normal(40, 11, n)
    sex = rng.integers(0, 2, n)
    z = rng.normal(0, 1, n)
    x = 0.02 * age + 0.3 * sex + rng.normal(0, 1, n)
    m1 = 0.5 * x + 0.01 * age + shift[:, 0] + 0.9 * rng.standard_t(8, n)
    m2 = 0.45 * m1 + 0.1 * x + 0.2 * sex + shift[:, 1] + rng.normal(0, 1, n)
    y = 10 + 3.0 * m2 + 0.8 * z + 0.7 * x * z + 1.0 * m1 + shift[:, 2] + rng.gamma(4, 1.2, n)
    frame = pd.DataFrame({"site": site + 1, "group": group, "age": age.round(1), "sex": sex})
    return frame.assign(x=x.round(3), z=z.round(3), m1=m1.round(3), m2=m2.round(3), y=y.round(2))


def with_holes(frame: pd.DataFrame, columns: dict[str, float], number: int, driver: str = "age") -> pd.DataFrame:
    """The same people with values missing at random, more often where `driver` is high."""
    rng = stream(number)
    rank = frame[driver].rank(pct=True)
    holed = frame.copy()
    for column, share in columns.items():
        holed[column] = holed[column].where(rng.uniform(size=len(frame)) > 2 * share * rank)
    return holed


def growth() -> pd.DataFrame:
    """260 people, four visits: random intercept and slope, one covariate, two arms."""
    rng = stream(2)
    n = 260
    w = rng.normal(0, 1, n)
    arm = rng.choice(["usual", "stretch"], n)
    level = 5 + 0.5 * w + rng.normal(0, 1.1, n)
    slope = -0.4 + 0.15 * w - 0.3 * (arm == "stretch") + 0.2 * (level - 5) + rng.normal(0, 0.4, n)
    visits = {f"t{k}": (level + k * slope + rng.normal(0, 0.8, n)).round(2) for k in range(4)}
    return pd.DataFrame({"arm": arm, "w": w.round(3), **visits})


def factors() -> pd.DataFrame:
    """480 people in two schools: nine items of three factors under one general factor, and a covariate."""
    rng = stream(3)
    n = 480
    school = rng.choice(["north", "south"], n, p=[0.55, 0.45])
    south = school == "south"
    v = rng.normal(0, 1, n)
    general = 0.4 * v + 0.3 * south + rng.normal(0, 1, n)
    items = {}
    for f in range(3):
        factor = [0.8, 0.7, 0.9][f] * general + rng.normal(0, 0.6, n)
        for i in range(3):
            bias = 0.4 * south if (f, i) == (1, 2) else 0.0
            value = 3 + 0.2 * i + [1.0, 0.8, 1.2][i] * factor + bias + rng.normal(0, 0.9, n)
            items[f"{'abc'[f]}{i + 1}"] = value.round(3)
    return pd.DataFrame({"school": school, "v": v.round(3), **items})


def ordered() -> pd.DataFrame:
    """500 people in two clinics: six items of four classes, three binary, a serial chain with ordered links."""
    rng = stream(4)
    n = 500
    clinic = rng.choice(["east", "west"], n)
    age = rng.normal(45, 12, n)
    x = rng.normal(0, 1, n) + 0.01 * age
    burden = 0.4 * x + rng.normal(0, 1, n)
    effort = 0.5 * burden + 0.2 * x + rng.normal(0, 0.8, n)
    columns: dict[str, np.ndarray] = {"clinic": clinic, "age": age.round(1), "x": x.round(3)}
    for i in range(6):
        of = burden if i < 3 else effort
        latent = [0.9, 0.7, 0.8, 1.0, 0.6, 0.85][i] * of + rng.normal(0, 0.7, n)
        columns[f"u{i + 1}"] = np.digitize(latent, np.array([-1.1, 0.1, 1.2]) + 0.15 * i) + 1
    for i in range(3):
        columns[f"b{i + 1}"] = (0.8 * burden + rng.normal(0, 0.8, n) > 0.2 * i).astype(int)
    mediator = 0.5 * x + 0.01 * age + rng.normal(0, 1, n)
    link = 0.6 * mediator + 0.1 * x + rng.normal(0, 0.9, n)
    final = 0.5 * link + 0.2 * mediator + rng.normal(0, 1, n)
    columns["m"] = mediator.round(3)
    columns["o4"] = np.digitize(link, [-0.8, 0.4, 1.3]) + 1
    columns["o5"] = np.digitize(final, [-1.0, -0.2, 0.6, 1.5]) + 1
    columns["y"] = (20 + 4 * final + rng.normal(0, 3, n)).round(2)
    return pd.DataFrame(columns)


def peers() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Two friends' ambitions, influencing each other, in 350 pairs: correlations, covariances, and these with means."""
    rng = stream(5)
    n = 350
    background = rng.multivariate_normal(np.zeros(4), 0.3 + 0.7 * np.eye(4), n)
    loop = np.array([[0.0, 0.25], [0.3, 0.0]])
    own = np.column_stack([background[:, :2] @ [0.4, 0.3], background[:, 2:] @ [0.3, 0.4]])
    shock = rng.multivariate_normal([0, 0], [[0.7, 0.1], [0.1, 0.8]], n)
    ambition = (own + shock) @ np.linalg.inv(np.eye(2) - loop).T
    names = ["iq1", "ses1", "ses2", "iq2", "amb1", "amb2"]
    table = pd.DataFrame(np.column_stack([background, ambition]), columns=names)
    covariance = (table * [15, 2, 2, 15, 1, 1]).cov()
    return table.corr().round(3), covariance.round(4), with_means(table * [15, 2, 2, 15, 1, 1] + [100, 5, 6, 98, 3, 4])


def with_means(people: pd.DataFrame) -> pd.DataFrame:
    """Covariances with divisor n - 1, and the means as a last row."""
    return pd.concat([people.cov(), people.mean().to_frame("mean").T]).round(4)


def write(frame: pd.DataFrame, name: str, *, index: bool = False) -> None:
    frame.to_csv(HERE / f"{name}.csv", index=index, lineterminator="\n")


def main() -> None:
    HERE.mkdir(exist_ok=True)
    chain, visits = serial(), growth()
    write(chain, "serial")
    write(with_holes(chain, {"x": 0.05, "m1": 0.12, "m2": 0.15, "y": 0.1}, 11), "serial_holes")
    write(with_holes(chain, {"m1": 0.12, "m2": 0.15, "y": 0.1}, 12), "serial_holes_outcomes")
    write(visits, "growth")
    write(with_holes(visits, {"t1": 0.08, "t2": 0.15, "t3": 0.22}, 13, driver="t0"), "growth_holes")
    write(factors(), "factors")
    write(ordered(), "ordered")
    correlations, covariances, means = peers()
    write(correlations, "peers_correlations", index=True)
    write(covariances, "peers_covariances", index=True)
    write(means, "peers_means", index=True)
    write(with_means(visits[["t0", "t1", "t2", "t3"]]), "growth_means", index=True)


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    main()
