"""Least squares from moments or from rows, and what single people do to it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from kinechain.numerics import Array
from kinechain.numerics.collinearity import invert_crossproducts
from kinechain.numerics.moments import Moments


@dataclass(frozen=True, slots=True)
class Regression:
    """One linear equation with an intercept, by least squares.

    outcome     name
    predictors  k names
    slopes      (k,)    in the outcome's unit per unit of each predictor
    std_errors  (k,)    with divisor dof
    inverse     (k, k)  inverse of the predictors' cross-products, centred
    variance    residual variance with divisor dof
    dof         n - k - 1
    r2          share of the outcome's variance that is explained
    n           people
    """

    outcome: str
    predictors: tuple[str, ...]
    slopes: Array
    std_errors: Array
    inverse: Array
    variance: float
    dof: int
    r2: float
    n: int

    def slope(self, predictor: str) -> float:
        """Slope of one predictor."""
        return float(self.slopes[self.predictors.index(predictor)])

    def std_error(self, predictor: str) -> float:
        """Standard error of one slope."""
        return float(self.std_errors[self.predictors.index(predictor)])

    def t(self, predictor: str) -> float:
        """Slope over its standard error."""
        return self.slope(predictor) / self.std_error(predictor)

    def partial_r2(self, predictor: str) -> float:
        """Share of what the others leave unexplained that a predictor explains: t² / (t² + dof)."""
        t = self.t(predictor)
        return t**2 / (t**2 + self.dof)

    def partial_r(self, predictor: str) -> float:
        """Partial correlation of outcome and predictor given the others."""
        t = self.t(predictor)
        return float(t / np.sqrt(t**2 + self.dof))


def regress(moments: Moments, outcome: str, predictors: tuple[str, ...]) -> Regression:
    """Least squares from moments: one outcome on predictors and an intercept.

    Raises numpy.linalg.LinAlgError when the predictors are collinear or there are no more people than coefficients.
    """
    chosen = moments.select((outcome, *predictors))
    S, n, k = chosen.covariance, chosen.n, len(predictors)
    dof = n - k - 1
    if dof < 1:
        raise np.linalg.LinAlgError(f"{n} people are too few for {k + 1} coefficients")
    if k == 0:
        variance = S[0, 0] * n / dof
        return Regression(outcome, (), np.empty(0), np.empty(0), np.empty((0, 0)), variance, dof, 0.0, n)
    factor = cho_factor(S[1:, 1:], lower=True)
    slopes = cho_solve(factor, S[1:, 0])
    residual = S[0, 0] - S[1:, 0] @ slopes
    variance = residual * n / dof
    inverse = cho_solve(factor, np.eye(k)) / n
    std_errors = np.sqrt(variance * np.diag(inverse))
    return Regression(outcome, predictors, slopes, std_errors, inverse, variance, dof, 1 - residual / S[0, 0], n)


def slopes_without_each(y: Array, X: Array) -> Array:
    """Slopes with each person left out in turn, by the closed form: nothing is fitted again.

    y        (n,)
    X        (n, k)  predictors, without the constant
    returns  (n, k)  row i: the slopes without person i

    Cook & Weisberg (1982), Residuals and Influence in Regression, equation 3.4.6. Complete rows only.
    """
    Z = np.column_stack([np.ones(len(y)), X])
    inverse = invert_crossproducts(Z)
    beta = inverse @ (Z.T @ y)
    residual = y - Z @ beta
    leverage = np.einsum("ij,jk,ik->i", Z, inverse, Z)
    change = (Z @ inverse) * (residual / (1 - leverage))[:, None]
    return np.asarray((beta - change)[:, 1:], dtype=np.float64)


def fit_rows(y: Array, X: Array, *, robust: bool = False) -> tuple[Array, Array]:
    """Coefficients of y on the columns of X (which hold the constant) and their covariance matrix.

    y        (n,)    complete
    X        (n, k)  complete, of full rank
    robust   sandwich with the HC3 weights instead of one error variance
    returns  (k,), (k, k)

    Raises numpy.linalg.LinAlgError when columns are collinear or there are no more people than columns.

    HC3: MacKinnon & White (1985), doi 10.1016/0304-4076(85)90158-7. Reference: statsmodels OLS.
    """
    n, k = X.shape
    if n <= k:
        raise np.linalg.LinAlgError(f"{n} people are too few for {k} coefficients")
    inverse = invert_crossproducts(X)
    beta = inverse @ (X.T @ y)
    residual = y - X @ beta
    if not robust:
        return beta, inverse * float(residual @ residual) / (n - k)
    leverage = np.einsum("ij,jk,ik->i", X, inverse, X)
    weighted = X * (residual / (1 - leverage))[:, None]
    return beta, inverse @ (weighted.T @ weighted) @ inverse
