"""The standard bivariate normal: density, distribution function and rectangle probabilities, elementwise on arrays."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr, owens_t

from kinechain.numerics import Array

# Beyond 37 standard deviations ndtr is 0 or 1 in double precision: infinite limits are moved here.
FAR = 37.0
ROUNDING = 1e-16


def bivariate_normal_density(a: Array, b: Array, rho: float) -> Array:
    """Density of two standard normal variables with correlation `rho` at (a, b); 0 where a or b is infinite.

    a, b  arrays of one shape; |rho| < 1
    """
    q = 1.0 - rho * rho
    a, b = np.clip(a, -FAR, FAR), np.clip(b, -FAR, FAR)
    density: Array = np.exp(-0.5 * (a * a - 2.0 * rho * a * b + b * b) / q) / (2.0 * np.pi * np.sqrt(q))
    return density


def bivariate_normal_distribution(a: Array, b: Array, rho: float) -> Array:
    """P(X <= a, Y <= b) for standard normal X and Y with correlation `rho`.

    a, b  arrays of one shape, infinities allowed; |rho| < 1. Absolute error near 1e-15.

    Owen (1956), Annals of Mathematical Statistics 27: two values of his T function.
    """
    a, b = np.clip(a, -FAR, FAR), np.clip(b, -FAR, FAR)
    root = np.sqrt(1.0 - rho * rho)
    # T(0, s) is arctan(s) / 2 pi: at zero, a tiny number of the sign that keeps the formula continuous.
    a, b = np.where(a == 0.0, 1e-300, a), np.where(b == 0.0, 1e-300, b)
    with np.errstate(over="ignore"):
        slope_a, slope_b = (b / a - rho) / root, (a / b - rho) / root
    opposite = np.where(a * np.sign(b) < 0.0, 0.5, 0.0)
    value: Array = 0.5 * (ndtr(a) + ndtr(b)) - owens_t(a, slope_a) - owens_t(b, slope_b) - opposite
    return np.clip(value, 0.0, 1.0)


def rectangle_probability(low_a: Array, high_a: Array, low_b: Array, high_b: Array, rho: float) -> Array:
    """P(low_a < X <= high_a, low_b < Y <= high_b), never below 1e-16: four values of absolute
    error 1e-16 cannot tell a smaller one from zero."""
    probability = (
        bivariate_normal_distribution(high_a, high_b, rho)
        - bivariate_normal_distribution(low_a, high_b, rho)
        - bivariate_normal_distribution(high_a, low_b, rho)
        + bivariate_normal_distribution(low_a, low_b, rho)
    )
    return np.maximum(probability, ROUNDING)
