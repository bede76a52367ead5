"""The root that normal draws are made with: right, and the same whatever the units and the processor."""

import numpy as np
import pytest

from kinechain.numerics.normal_law import draw_normal, symmetric_root


def covariance_of(scale: np.ndarray) -> np.ndarray:
    X = np.random.default_rng(3).standard_normal((40, 4)) @ np.array(
        [[1, 0.4, 0, 0], [0, 1, 0.3, 0], [0, 0, 1, 0.5], [0, 0, 0, 1.0]]
    )
    return np.cov(X, rowvar=False) * np.outer(scale, scale)


def test_its_square_is_the_covariance():
    S = covariance_of(np.array([1.0, 2.0, 0.1, 30.0]))
    R = symmetric_root(S)
    assert pytest.approx(S, rel=1e-12) == R @ R.T


def test_a_variable_of_large_variance_leaves_the_others_alone():
    """A variance of 1e24 beside one of 1: a root made of the covariance itself loses the small one to rounding."""
    scale = np.array([1.0, 1.0, 1.0, 1e12])
    small = symmetric_root(covariance_of(np.ones(4)))
    assert symmetric_root(covariance_of(scale)) / scale[:, None] == pytest.approx(small, rel=1e-12, abs=1e-12)


def test_signs_of_eigenvectors_do_not_matter(monkeypatch):
    S = covariance_of(np.ones(4))
    before = symmetric_root(S)
    eigh = np.linalg.eigh

    def turned(matrix):
        values, vectors = eigh(matrix)
        return values, vectors * np.array([-1.0, 1.0, -1.0, 1.0])

    monkeypatch.setattr(np.linalg, "eigh", turned)
    assert (symmetric_root(S) == before).all()


def test_a_law_without_spread_in_one_direction_is_drawn():
    S = np.array([[4.0, 2.0, 0.0], [2.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    drawn = draw_normal(np.random.default_rng(1), np.array([1.0, 2.0, 3.0]), S, 5_000)
    assert drawn[:, 0] - 1 == pytest.approx(2 * (drawn[:, 1] - 2), abs=1e-6)
    assert (drawn[:, 2] == 3.0).all()
    assert drawn[:, 0].std() == pytest.approx(2.0, abs=0.08)
