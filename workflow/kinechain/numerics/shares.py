"""Shares of people and their differences, with score intervals that hold for few people and for shares near 0 or 1."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.integrate import quad
from scipy.special import ndtr, ndtri

from kinechain.numerics import Array


@dataclass(frozen=True, slots=True)
class Share:
    """A share, or a difference of shares, with its 95 % (or other) and 90 % limits."""

    estimate: float
    low: float
    high: float
    low_90: float
    high_90: float


def wilson_limits(share: float, n: float, level: float = 0.95) -> tuple[float, float]:
    """Score limits of a binomial share in n people; n may be an effective number.

    Wilson (1927), Journal of the American Statistical Association 22, 209-212.
    """
    if not n > 0:
        return math.nan, math.nan
    z2 = float(ndtri((1 + level) / 2)) ** 2
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = math.sqrt(z2 * (share * (1 - share) / n + z2 / (4 * n**2))) / (1 + z2 / n)
    return max(0.0, centre - half), min(1.0, centre + half)


def share_of(share: float, n: float, level: float = 0.95) -> Share:
    """A share with its score limits."""
    return Share(share, *wilson_limits(share, n, level), *wilson_limits(share, n, 0.90))


def difference_of(p: float, n: float, q: float, m: float, level: float = 0.95) -> Share:
    """The difference p - q of two independent shares in n and m people, by the square-and-add method.

    Newcombe (1998), Statistics in Medicine 17, 873-890, method 10.
    """

    def limits(width: float) -> tuple[float, float]:
        (low_p, high_p), (low_q, high_q) = wilson_limits(p, n, width), wilson_limits(q, m, width)
        below = math.sqrt((p - low_p) ** 2 + (high_q - q) ** 2)
        above = math.sqrt((high_p - p) ** 2 + (q - low_q) ** 2)
        return p - q - below, p - q + above

    return Share(p - q, *limits(level), *limits(0.90))


def effective_people(shares: Array, n: Array) -> tuple[float, float]:
    """Share pooled over completed data sets, and the number of people it is worth.

    shares  (M,)  of each completed data set
    n       (M,)  people each is a share of
    What the imputations disagree about is taken from the number, as in Rubin's rules:
    Lott & Reiter (2020), The American Statistician 74, 109-115.
    """
    pooled, people = float(shares.mean()), float(n.mean())
    within = pooled * (1 - pooled) / people
    if within == 0 or len(shares) < 2:
        return pooled, people
    between = (1 + 1 / len(shares)) * float(shares.var(ddof=1))
    return pooled, people / (1 + between / within)


def _density(z: float) -> float:
    return math.exp(-0.5 * z * z) / math.sqrt(2 * math.pi)


@dataclass(frozen=True, slots=True)
class Chosen:
    """What happens after treatment to those chosen for having improved, if the arm as a whole stays where it is.

    responders  share of the arm that improved by the difference that matters
    relapse     share of those who lose that much again, or are back within it of where they began
    loss        their mean change, positive when they get worse
    """

    responders: float
    relapse: float
    loss: float


def regression_to_the_mean(mean: Array, Sigma: Array, mcid: float) -> Chosen:
    """Relapse that choosing the improved makes by itself, under a normal model of three visits.

    mean   (3,)    before, at the end of treatment, later; higher is worse
    Sigma  (3, 3)  covariance of the visits within the arm
    mcid   smallest difference that matters, > 0
    """
    T = np.array([[1.0, -1.0, 0.0], [0.0, -1.0, 1.0]])  # improvement, and loss afterwards
    (gain, loss), C = T @ mean, T @ Sigma @ T.T
    sd_gain = math.sqrt(C[0, 0])
    responders = float(ndtr((gain - mcid) / sd_gain))
    slope = C[0, 1] / C[0, 0]
    left = math.sqrt(max(C[1, 1] - slope * C[0, 1], 1e-300))

    def kept(d: float) -> float:
        bound = min(mcid, d - mcid)
        expected = loss + slope * (d - gain)
        return float(_density((d - gain) / sd_gain) / sd_gain * ndtr((bound - expected) / left))

    top = max(gain, mcid) + 10 * sd_gain
    breaks = [point for point in (2 * mcid, gain) if mcid < point < top]
    keepers = quad(kept, mcid, top, points=breaks or None, limit=200)[0]
    hazard = _density((mcid - gain) / sd_gain) / responders
    return Chosen(responders, 1 - keepers / responders, loss + slope * sd_gain * hazard)
