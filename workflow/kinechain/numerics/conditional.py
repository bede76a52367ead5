"""Effects that depend on a moderator: conditional effects and where they can be told from zero."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from kinechain.numerics import Array


@dataclass(frozen=True, slots=True)
class JohnsonNeyman:
    """Where a conditional effect can be told from zero.

    low, high  the moderator's values at which the interval of the effect touches zero; NaN when there is none
    region     where the effect differs from zero: inside or outside the two, everywhere or nowhere; `within` adds below
               and above the one that people reach
    """

    low: float
    high: float
    region: str


def conditional_effect(slope: float, interaction: float, covariance: Array, at: Array) -> tuple[Array, Array]:
    """Effect of x on y at values of a moderator w, in y = ... + slope x + interaction x w, and its standard error.

    covariance  (2, 2)  of (slope, interaction)
    at          (m,)    values of the moderator, in its unit
    returns     (m,), (m,)

    Aiken & West (1991), Multiple Regression, p. 26.
    """
    variance = covariance[0, 0] + 2 * at * covariance[0, 1] + at**2 * covariance[1, 1]
    return slope + interaction * at, np.sqrt(variance)


def johnson_neyman(slope: float, interaction: float, covariance: Array, dof: int, level: float) -> JohnsonNeyman:
    """The moderator's values at which the conditional effect becomes significant: roots of a quadratic.

    Johnson & Neyman (1936); Bauer & Curran (2005), doi 10.1207/s15327906mbr4003_5, equations 11-14.
    """
    crit2 = float(stdtrit(dof, (1 + level) / 2)) ** 2
    a = interaction**2 - crit2 * covariance[1, 1]
    b = 2 * (slope * interaction - crit2 * covariance[0, 1])
    c = slope**2 - crit2 * covariance[0, 0]
    root = b**2 - 4 * a * c
    if root < 0 or a == 0:
        return JohnsonNeyman(math.nan, math.nan, "everywhere" if c > 0 else "nowhere")
    low, high = sorted(((-b - math.sqrt(root)) / (2 * a), (-b + math.sqrt(root)) / (2 * a)))
    return JohnsonNeyman(low, high, "outside" if a > 0 else "inside")


def within(region: JohnsonNeyman, least: float, most: float) -> JohnsonNeyman:
    """The region as far as people reach: an end where the moderator has hardly anybody says nothing about anybody.

    least, most  values of the moderator between which its people lie
    """
    is_low, is_high = (least <= end <= most for end in (region.low, region.high))
    if is_low and is_high:
        return region
    if not (is_low or is_high):
        if region.region in ("everywhere", "nowhere"):
            return region
        lies_between = region.low < least and region.high > most
        told = "everywhere" if lies_between == (region.region == "inside") else "nowhere"
        return JohnsonNeyman(math.nan, math.nan, told)
    starts = is_low == (region.region == "inside")
    return JohnsonNeyman(
        region.low if is_low else math.nan, region.high if is_high else math.nan, "above" if starts else "below"
    )
