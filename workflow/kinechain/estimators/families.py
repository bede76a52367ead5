"""One equation, one outcome, one distribution: fitted by statsmodels, given back as plain arrays.

McCullagh & Nelder (1989), Generalized Linear Models, 2nd ed.; McCullagh (1980), Journal of the Royal Statistical
Society B 42, 109-142 (ordered); Cameron & Trivedi (1998), Regression Analysis of Count Data, model NB2; Laird & Ware
(1982), Biometrics 38, 963-974 (mixed). Reference values: tests/golden/equationwise, from R.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from kinechain.numerics import Array
from kinechain.numerics.collinearity import invert_crossproducts
from kinechain.numerics.cumulative_link import settle
from kinechain.numerics.ram import Index

LOGISTIC_VARIANCE: Final = math.pi**2 / 3.0
SEPARATED_AT: Final = 30.0
"""A linear predictor this far out (in logits or probits) means that classes do not overlap."""


@dataclass(frozen=True, slots=True)
class EquationFit:
    """One fitted equation.

    slopes      (q,) of the predictors
    intercept   () or (1,): ordered outcomes have cuts instead
    cuts        (classes - 1,) of an ordered outcome, else empty
    variance    () or (1,): residual variance of a normal or mixed outcome
    covariance  (k, k) of slopes, intercept, cuts and variance, in this order
    influence   (n, k) what each person moves each of them by; None where it is not known (mixed)
    logl        log-likelihood
    extra       further estimates by name, such as the variance of the random intercept
    problem     why there is no estimate, "" when there is one
    """

    slopes: Array
    intercept: Array
    cuts: Array
    variance: Array
    covariance: Array
    influence: Array | None
    logl: float
    extra: Mapping[str, float] = field(default_factory=dict)
    problem: str = ""

    @property
    def estimates(self) -> Array:
        """(k,) slopes, intercept, cuts, variance."""
        return np.concatenate([self.slopes, self.intercept, self.cuts, self.variance])


def no_fit(problem: str) -> EquationFit:
    """An equation without an estimate."""
    empty = np.zeros(0)
    return EquationFit(empty, empty, empty, empty, np.zeros((0, 0)), None, math.nan, {}, problem)


@dataclass(frozen=True, slots=True)
class Family:
    """A kind of outcome.

    link      scale on which predictors add up; "identity" where that is the outcome's own
    accepts   outcome (n,) -> what is wrong with it for this family, "" when nothing
    fit       outcome, standardised predictors (n, q), cluster codes or None -> EquationFit on the standardised scale
    residual  residual variance of the latent response of binary and ordered families, else NaN
    """

    link: str
    accepts: Callable[[Array], str]
    fit: Callable[[Array, Array, Index | None], EquationFit]
    residual: float = math.nan

    @property
    def is_ordered(self) -> bool:
        """Whether the outcome has cuts instead of an intercept."""
        return self.link.startswith("ordered")


def fit_equation(family: Family, y: Array, X: Array, clusters: Index | None) -> EquationFit:
    """The equation fitted on standardised predictors and carried back to their own units.

    y         (n,)    outcome as its family wants it; no missing values
    X         (n, q)  predictors without a constant; no missing values
    clusters  (n,)    number of each person's cluster, for errors that allow for it; None without

    Nothing is raised: a search that failed, a flat likelihood and classes that a predictor separates come back as a
    fit without numbers, and `problem` says why.
    """
    q = X.shape[1]
    centre, spread = X.mean(axis=0), X.std(axis=0)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # what they tell is read from the result: convergence, separation, curvature
        try:
            fit = family.fit(y, (X - centre) / spread, clusters)
        except (np.linalg.LinAlgError, ValueError, FloatingPointError, OverflowError) as error:
            return no_fit(f"the search failed ({type(error).__name__})")
    if fit.problem:
        return fit
    theta = fit.estimates
    if not (np.isfinite(theta).all() and np.isfinite(fit.covariance).all()) or (np.diag(fit.covariance) <= 0.0).any():
        return no_fit(
            "the likelihood is flat: classes may be separated by a predictor, or predictors repeat each other"
        )
    if family.link not in ("identity", "log") and np.abs((X - centre) / spread @ fit.slopes).max() > SEPARATED_AT:
        return no_fit("a predictor separates the classes completely")
    T = np.eye(len(theta))
    T[:q, :q] = np.diag(1.0 / spread)
    n_places = len(fit.intercept) + len(fit.cuts)
    sign = 1.0 if len(fit.cuts) else -1.0
    T[q : q + n_places, :q] = sign * centre / spread
    moved = T @ theta
    ends = np.cumsum([q, len(fit.intercept), len(fit.cuts)])
    influence = None if fit.influence is None else fit.influence @ T.T
    slopes, intercept, cuts, variance = np.split(moved, ends)
    return EquationFit(slopes, intercept, cuts, variance, T @ fit.covariance @ T.T, influence, fit.logl, fit.extra)


def _any_number(y: Array) -> str:  # noqa: ARG001 - one shape for all families
    return ""


def _two_classes(y: Array) -> str:
    return "" if set(np.unique(y)) <= {0.0, 1.0} else "must be 0 or 1"


def _few_classes(y: Array) -> str:
    n = len(np.unique(y))
    return "" if 3 <= n <= 20 else f"has {n} classes; 3 to 20 can be ordered"


def _counts(y: Array) -> str:
    return "" if (y >= 0.0).all() and (y == np.floor(y)).all() else "must be counts: 0, 1, 2 ..."


def _with_constant(X: Array) -> Array:
    return np.column_stack([X, np.ones(len(X))])


def _fit_normal(y: Array, X: Array, clusters: Index | None) -> EquationFit:  # noqa: ARG001 - one shape for all families
    import statsmodels.api as sm

    D = _with_constant(X)
    result = sm.OLS(y, D).fit()
    residual = np.asarray(result.resid)
    n, q = X.shape
    variance = float(residual @ residual / n)
    covariance = np.zeros((q + 2, q + 2))
    inverse = invert_crossproducts(D)
    covariance[:-1, :-1] = variance * inverse
    covariance[-1, -1] = 2.0 * variance**2 / n
    influence = np.column_stack([D * residual[:, None] @ inverse, (residual**2 - variance) / n])
    theta = np.asarray(result.params)
    return EquationFit(
        theta[:q], theta[q:], np.zeros(0), np.array([variance]), covariance, influence, float(result.llf)
    )


def _fit_discrete(make: Callable[[Array, Array], Any], y: Array, X: Array) -> EquationFit:
    model = make(y, _with_constant(X))
    result = model.fit(disp=0, maxiter=200, method="newton", tol=1e-12)
    if not result.mle_retvals["converged"]:
        return no_fit("the search did not converge: classes may be separated by a predictor")
    theta, covariance = np.asarray(result.params), np.linalg.inv(-np.asarray(model.hessian(result.params)))
    influence = np.asarray(model.score_obs(result.params)) @ covariance
    q = X.shape[1]
    return EquationFit(theta[:q], theta[q:], np.zeros(0), np.zeros(0), covariance, influence, float(result.llf))


def _fit_logit(y: Array, X: Array, clusters: Index | None) -> EquationFit:  # noqa: ARG001
    import statsmodels.api as sm

    return _fit_discrete(sm.Logit, y, X)


def _fit_probit(y: Array, X: Array, clusters: Index | None) -> EquationFit:  # noqa: ARG001
    import statsmodels.api as sm

    return _fit_discrete(sm.Probit, y, X)


def _fit_poisson(y: Array, X: Array, clusters: Index | None) -> EquationFit:  # noqa: ARG001
    import statsmodels.api as sm

    return _fit_discrete(sm.Poisson, y, X)


def _fit_negative_binomial(y: Array, X: Array, clusters: Index | None) -> EquationFit:  # noqa: ARG001
    import statsmodels.api as sm

    model = sm.NegativeBinomial(y, _with_constant(X))
    result = model.fit(disp=0, maxiter=500, method="bfgs", gtol=1e-9)
    result = model.fit(start_params=result.params, disp=0, maxiter=50, method="newton", tol=1e-12)
    theta = np.asarray(result.params)
    if theta[-1] < 1e-6:
        return no_fit("the counts vary no more than a Poisson's: use poisson")
    if not result.mle_retvals["converged"]:
        return no_fit("the search did not converge")
    # the dispersion is estimated with the rest, and reported beside them
    covariance = np.linalg.inv(-np.asarray(model.hessian(theta)))
    influence = (np.asarray(model.score_obs(theta)) @ covariance)[:, :-1]
    q = X.shape[1]
    extra = {"dispersion": float(theta[-1]), "dispersion_std_error": float(np.sqrt(covariance[-1, -1]))}
    return EquationFit(
        theta[:q], theta[q:-1], np.zeros(0), np.zeros(0), covariance[:-1, :-1], influence, float(result.llf), extra
    )


def _fit_ordered(distribution: str, y: Array, X: Array) -> EquationFit:
    from statsmodels.miscmodels.ordinal_model import OrderedModel

    classes = np.unique(y, return_inverse=True)[1]
    model = OrderedModel(classes, X, distr=distribution)
    result = model.fit(disp=0, maxiter=1000, method="bfgs", gtol=1e-9)
    gradient = np.asarray(model.score_obs(result.params))
    if np.abs(gradient.sum(axis=0)).max() > 1e-4 * len(y):
        return no_fit("the search did not converge: classes may be separated by a predictor")
    q, found = X.shape[1], np.asarray(result.params)
    # statsmodels estimates the first cut and the logarithms of the steps to the next, and stops early
    cuts = np.cumsum(np.concatenate([found[q : q + 1], np.exp(found[q + 1 :])]))
    slopes, cuts, at = settle(classes, X, found[:q], cuts, distribution)
    covariance = np.asarray(np.linalg.inv(-at.hessian))
    log_cuts = np.concatenate([cuts[:1], np.log(np.diff(cuts))])
    empty = np.zeros(0)
    logl = float(model.loglike(np.concatenate([slopes, log_cuts])))
    return EquationFit(slopes, empty, cuts, empty, covariance, at.scores @ covariance, logl)


def _fit_ordered_logit(y: Array, X: Array, clusters: Index | None) -> EquationFit:  # noqa: ARG001
    return _fit_ordered("logit", y, X)


def _fit_ordered_probit(y: Array, X: Array, clusters: Index | None) -> EquationFit:  # noqa: ARG001
    return _fit_ordered("probit", y, X)


def _fit_mixed(y: Array, X: Array, clusters: Index | None) -> EquationFit:
    import statsmodels.api as sm

    if clusters is None:
        return no_fit("a mixed equation needs a cluster column")
    scale = float(y.std())
    model = sm.MixedLM(y / scale, _with_constant(X), groups=clusters)
    result = model.fit(reml=False, method=["bfgs", "lbfgs", "cg"], gtol=1e-8)
    if not result.converged:
        return no_fit("the search did not converge: the units may not differ, so that a normal equation would do")
    q = X.shape[1]
    residual, between = float(result.scale), float(np.asarray(result.cov_re)[0, 0])
    theta = np.asarray(result.fe_params) * scale
    # the residual variance is orthogonal to the coefficients; its own error follows from the within-unit contrasts
    n_units = len(np.unique(clusters))
    covariance = np.zeros((q + 2, q + 2))
    covariance[:-1, :-1] = np.asarray(result.cov_params())[: q + 1, : q + 1] * scale**2
    covariance[-1, -1] = 2.0 * (residual * scale**2) ** 2 / max(len(y) - n_units, 1)
    extra = {
        "random_intercept_variance": between * scale**2,
        "intraclass_correlation": between / (between + residual),
    }
    logl = float(result.llf) - len(y) * math.log(scale)
    variance = np.array([residual * scale**2])
    return EquationFit(theta[:q], theta[q:], np.zeros(0), variance, covariance, None, logl, extra)


FAMILIES: Final[Mapping[str, Family]] = {
    "normal": Family("identity", _any_number, _fit_normal),
    "mixed": Family("identity", _any_number, _fit_mixed),
    "logit": Family("logit", _two_classes, _fit_logit, LOGISTIC_VARIANCE),
    "probit": Family("probit", _two_classes, _fit_probit, 1.0),
    "ordered_logit": Family("ordered logit", _few_classes, _fit_ordered_logit, LOGISTIC_VARIANCE),
    "ordered_probit": Family("ordered probit", _few_classes, _fit_ordered_probit, 1.0),
    "poisson": Family("log", _counts, _fit_poisson),
    "negative_binomial": Family("log", _counts, _fit_negative_binomial),
}
"""What an outcome can be, by the word a model yaml uses under `families`."""
