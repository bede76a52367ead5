"""What a cohort of this size could have said: the smallest effect it can support, the n that resolves a null."""

from __future__ import annotations

import math

from scipy.special import ndtri


def smallest_supported(std_error: float, *, level: float, power: float) -> float:
    """Smallest true effect whose interval leaves zero out with the given probability.

    std_error  standard error of the estimate, in the effect's unit
    level      of the interval, 0.95
    power      probability, 0.80
    returns    (z at level + z at power) times the standard error, by the normal approximation
    """
    return float((ndtri((1 + level) / 2) + ndtri(power)) * std_error)


def n_for_null(n: int, std_error: float, sesoi: float, *, level: float, power: float) -> int:
    """People needed to call an exact zero practically zero with the given probability, the design staying as it is.

    n          people behind `std_error`
    std_error  standard error now, in the effect's unit; it is taken to fall with the square root of n
    sesoi      smallest effect of interest, in the same unit
    level      of the equivalence interval, 0.90
    power      probability that the interval lies inside (-sesoi, sesoi) when the effect is zero

    An estimate within sesoi - z(level) * error of zero does it, so that error must be
    sesoi / (z(level) + z((1 + power) / 2)): Schuirmann (1987), doi 10.1007/BF01068419.
    """
    needed = sesoi / (ndtri((1 + level) / 2) + ndtri((1 + power) / 2))
    return math.ceil(n * (std_error / needed) ** 2)


def n_where_null_begins(n: int, std_error: float, sesoi: float, *, level: float) -> int:
    """People below whom no estimate at all could be called practically zero: the interval alone is too wide.

    Arguments as for `n_for_null`.
    """
    return math.ceil(n * (std_error * float(ndtri((1 + level) / 2)) / sesoi) ** 2)
