"""Multiple imputation of visits nobody saw: as the seen ones suggest, or as in a reference arm.

The imputation model is the multivariate normal regression of all visits on arm and covariates, with free covariance.
Its parameters are drawn by data augmentation (Gibbs sampling, Jeffreys prior), so that imputations are proper.

Schafer (1997), Analysis of Incomplete Multivariate Data, chapter 5; Carpenter, Roger & Kenward (2013), Journal of
Biopharmaceutical Statistics 23, 1352-1371, for the reference-based rules.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kinechain.numerics import Array
from kinechain.numerics.collinearity import invert_crossproducts

BURN_IN = 40
BETWEEN = 5
"""Steps thrown away first, and steps between two kept imputations. The chain forgets at the rate of what is missing:
with 40 % unseen, what two kept imputations share is 0.4^5 = 1 %."""


@dataclass(frozen=True, slots=True)
class Imputations:
    """Completed data sets.

    at_random          (M, n, R)  unseen values drawn given what was seen and the person's own arm
    jump_to_reference  (M, n, R)  after the last visit seen, means of the reference arm; otherwise as at_random
    """

    at_random: Array
    jump_to_reference: Array


def impute_visits(
    Y: Array,
    arm: NDArray[np.intp],
    Z: Array,
    *,
    n_visits: int,
    reference: int,
    jumping: NDArray[np.bool_],
    imputations: int,
    random: np.random.Generator,
) -> Imputations:
    """Draw `imputations` completed data sets.

    Y          (n, R)  the outcome at its visits in order of time, then auxiliaries; NaN where not seen
    arm        (n,)    0 .. A-1, each with more people than needed to estimate it
    Z          (n, c)  covariates
    n_visits   how many of the R columns are the outcome
    reference  arm whose means are jumped to
    jumping    (n,)    whose unseen later visits jump
    Raises numpy.linalg.LinAlgError when the data do not determine the model.
    """
    n, R = Y.shape
    A = int(arm.max()) + 1
    X = np.column_stack([(arm[:, None] == np.arange(A)).astype(float), Z - Z.mean(axis=0)])
    X_reference = X.copy()
    X_reference[:, :A] = 0.0
    X_reference[:, reference] = 1.0
    gaps = np.isnan(Y)
    later = np.zeros_like(gaps)
    for v in range(1, n_visits):
        later[:, v] = gaps[:, v:n_visits].all(axis=1)
    jump = later & jumping[:, None]
    patterns = [(kind, np.flatnonzero((gaps == kind).all(axis=1))) for kind in np.unique(gaps, axis=0) if kind.any()]
    inverse = invert_crossproducts(X)
    root = np.linalg.cholesky(inverse)
    filled = np.where(gaps, np.nanmean(Y, axis=0), Y)
    kept, jumped = np.empty((imputations, n, R)), np.empty((imputations, n, R))
    for step in range(BURN_IN + BETWEEN * imputations):
        B_hat = inverse @ (X.T @ filled)
        residual = filled - X @ B_hat
        Sigma = _inverse_wishart(residual.T @ residual, n - X.shape[1], random)
        L = np.linalg.cholesky(Sigma)
        B = B_hat + root @ random.standard_normal(B_hat.shape) @ L.T
        mean = X @ B
        noise = random.standard_normal((n, R))
        filled = _complete(Y, mean, mean, Sigma, patterns, noise)
        if step >= BURN_IN and (step - BURN_IN) % BETWEEN == BETWEEN - 1:
            m = (step - BURN_IN) // BETWEEN
            kept[m] = filled
            # The noise is the one just used: the two assumptions differ by their means and by nothing else.
            jumped[m] = _complete(Y, mean, np.where(jump, X_reference @ B, mean), Sigma, patterns, noise)
    return Imputations(kept, jumped)


def _inverse_wishart(S: Array, dof: int, random: np.random.Generator) -> Array:
    """One draw of the inverse Wishart distribution with scale S (R, R)."""
    R = len(S)
    root = np.linalg.cholesky(np.linalg.inv(S))
    T = np.tril(random.standard_normal((R, R)), -1)
    T[np.diag_indices(R)] = np.sqrt(random.chisquare(dof - np.arange(R)))
    half = np.linalg.inv(root @ T)
    draw: Array = half.T @ half
    return draw


def _complete(
    Y: Array,
    mean: Array,
    unseen_mean: Array,
    Sigma: Array,
    patterns: list[tuple[NDArray[np.bool_], NDArray[np.intp]]],
    noise: Array,
) -> Array:
    """Unseen values drawn given the seen ones; `unseen_mean` may differ from `mean` where somebody jumps."""
    filled = Y.copy()
    for gap, people in patterns:
        seen = ~gap
        if seen.any():
            lift = np.linalg.solve(Sigma[np.ix_(seen, seen)], Sigma[np.ix_(seen, gap)])
            spread = Sigma[np.ix_(gap, gap)] - Sigma[np.ix_(gap, seen)] @ lift
            shift = (Y[np.ix_(people, seen)] - mean[np.ix_(people, seen)]) @ lift
        else:
            spread, shift = Sigma[np.ix_(gap, gap)], np.zeros((len(people), int(gap.sum())))
        root = np.linalg.cholesky(0.5 * (spread + spread.T))
        filled[np.ix_(people, gap)] = unseen_mean[np.ix_(people, gap)] + shift + noise[np.ix_(people, gap)] @ root.T
    return filled


@dataclass(frozen=True, slots=True)
class Projected:
    """A least-squares contrast in every completed data set, as a function of a shift of the unseen values.

    base, slope                  (M,)  estimate = base + slope * delta
    rss, cross, square           (M,)  residual sum of squares = rss + 2 cross delta + square delta^2
    scale                        (M,)  contrast' (X'X)^-1 contrast
    residual_df                  people minus coefficients
    """

    base: Array
    slope: Array
    rss: Array
    cross: Array
    square: Array
    scale: Array
    residual_df: int

    def at(self, delta: float) -> tuple[Array, Array]:
        """Estimates (M,) and their variances (M,) when every unseen value is shifted by delta."""
        rss = self.rss + 2 * self.cross * delta + self.square * delta**2
        return self.base + self.slope * delta, rss / self.residual_df * self.scale


@dataclass(frozen=True, slots=True)
class Designs:
    """Designs of completed data sets, with what every contrast needs of them.

    X        (M, n, q)
    inverse  (M, q, q)  (X'X)^-1
    """

    X: Array
    inverse: Array


def prepare_designs(X: Array) -> Designs:
    """X (M, n, q), full column rank in every data set."""
    return Designs(X, np.asarray(np.linalg.inv(X.transpose(0, 2, 1) @ X), dtype=np.float64))


def project_contrast(Y: Array, designs: Designs, weights: Array, shifted: Array) -> Projected:
    """Least squares of completed outcomes on their designs.

    Y        (M, n)  completed outcomes
    weights  (q,)    of the coefficients
    shifted  (n,)    how much of delta each person gets (0 or 1; -1 or 1 for differences of visits)
    """
    X = designs.X
    both = np.stack([Y, np.broadcast_to(shifted, Y.shape)], axis=2)
    coefficients = designs.inverse @ (X.transpose(0, 2, 1) @ both)
    left = both - X @ coefficients
    e, d = left[:, :, 0], left[:, :, 1]
    return Projected(
        base=coefficients[:, :, 0] @ weights,
        slope=coefficients[:, :, 1] @ weights,
        rss=(e**2).sum(axis=1),
        cross=(e * d).sum(axis=1),
        square=(d**2).sum(axis=1),
        scale=(designs.inverse @ weights) @ weights,
        residual_df=X.shape[1] - X.shape[2],
    )
