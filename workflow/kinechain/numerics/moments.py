"""First and second moments: all that a linear model for complete data needs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kinechain.numerics import Array


@dataclass(frozen=True, slots=True)
class Moments:
    """Means and covariances of `p` variables in `n` people.

    names       p variable names, in the order of the arrays
    mean        (p,)    in each variable's own unit
    covariance  (p, p)  divisor n (maximum likelihood), in the product of the units
    n           people behind every moment (complete cases)
    """

    names: tuple[str, ...]
    mean: Array
    covariance: Array
    n: int

    def select(self, names: tuple[str, ...]) -> Moments:
        """The moments of some of the variables, in the order asked for."""
        index = [self.names.index(name) for name in names]
        return Moments(names, self.mean[index], self.covariance[np.ix_(index, index)], self.n)


def moments_from_data(names: tuple[str, ...], X: Array) -> Moments:
    """Moments of complete data.

    X  (n, p)  one row a person; no missing values (drop them before, and count them)
    """
    n = X.shape[0]
    mean = X.mean(axis=0)
    centred = X - mean
    return Moments(names, mean, centred.T @ centred / n, n)


def moments_from_published(names: tuple[str, ...], mean: Array, covariance: Array, n: int) -> Moments:
    """Moments from a published table, whose covariances have divisor n - 1 as papers print them."""
    return Moments(names, mean, covariance * (n - 1) / n, n)
