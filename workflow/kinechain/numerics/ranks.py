"""Ranks of a variable, as the values a normal variable would have at them."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

from kinechain.numerics import Array


def normal_scores(values: Array) -> Array:
    """Normal scores of the ranks: the same order of people on a scale whose distribution is normal.

    values   (n,)  finite; equal values share the mean of their ranks
    returns  (n,)  in standard deviations

    Whatever is done to a scale without changing the order (its ends pulled in, its steps made unequal) leaves them as
    they are, ties apart. Blom (1958), Statistical estimates and transformed beta-variables: (rank - 3/8) / (n + 1/4).
    Reference: SciPy `rankdata` of the same values.
    """
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    rank = last - (count - 1) / 2
    return np.asarray(ndtri((rank[place] - 0.375) / (len(values) + 0.25)), dtype=np.float64)
