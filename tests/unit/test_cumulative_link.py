"""Derivatives of cumulative link models against differences, and the maximum a search leaves near."""

import numpy as np
import pytest
from scipy.special import expit, ndtr

from kinechain.numerics.cumulative_link import curvature, settle

LAWS = {"logit": expit, "probit": ndtr}


@pytest.fixture
def data() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(4)
    X = random.standard_normal((300, 2))
    latent = X @ [0.8, -0.4] + random.logistic(size=300)
    return np.searchsorted([-1.0, 0.5, 2.0], latent), X


def loglikelihood(band: np.ndarray, X: np.ndarray, theta: np.ndarray, link: str) -> float:
    ends = np.concatenate([[-np.inf], theta[2:], [np.inf]])
    eta = X @ theta[:2]
    return float(np.log(LAWS[link](ends[band + 1] - eta) - LAWS[link](ends[band] - eta)).sum())


@pytest.mark.parametrize("link", ["logit", "probit"])
def test_derivatives_are_those_of_differences(data, link):
    theta, h = np.array([0.5, -0.2, -0.9, 0.4, 1.7]), 1e-4
    at = curvature(*data, theta[:2], theta[2:], link)
    steps = np.eye(5) * h

    def value(shift):
        return loglikelihood(*data, theta + shift, link)

    slope = [(value(one) - value(-one)) / (2 * h) for one in steps]
    second = [[(value(a + b) - value(a - b) - value(b - a) + value(-a - b)) / (4 * h**2) for b in steps] for a in steps]
    assert at.scores.sum(axis=0) == pytest.approx(slope, abs=1e-5)
    assert at.hessian == pytest.approx(np.array(second), abs=1e-4)


@pytest.mark.parametrize("link", ["logit", "probit"])
def test_the_maximum_is_met_from_near_it(data, link):
    band, X = data
    slopes, cuts, at = settle(band, X, np.array([0.7, -0.3]), np.array([-0.8, 0.4, 1.8]), link)
    assert np.abs(at.scores.sum(axis=0)).max() < 1e-8
    again = settle(band, X, slopes + 0.01, cuts - 0.02, link)
    assert np.concatenate(again[:2]) == pytest.approx(np.concatenate([slopes, cuts]), abs=1e-12)
