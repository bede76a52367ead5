"""Shares and what choosing the improved does by itself."""

import numpy as np
import pytest

from kinechain.numerics.shares import (
    difference_of,
    effective_people,
    regression_to_the_mean,
    share_of,
    wilson_limits,
)


def test_wilson_limits_are_the_published_ones() -> None:
    """Newcombe (1998), Statistics in Medicine 17, 857-872, table I, method 3: 81 of 263 and 15 of 148."""
    assert wilson_limits(81 / 263, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson_limits(15 / 148, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)


def test_difference_limits_are_the_published_ones() -> None:
    """Newcombe (1998), Statistics in Medicine 17, 873-890, table II, method 10: 56/70 - 48/80 and 9/10 - 3/10."""
    one = difference_of(56 / 70, 70, 48 / 80, 80)
    assert (one.low, one.high) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    two = difference_of(9 / 10, 10, 3 / 10, 10)
    assert (two.low, two.high) == pytest.approx((0.1705, 0.8090), abs=5e-5)


def test_no_events_still_have_limits() -> None:
    assert wilson_limits(0.0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert all(np.isnan(wilson_limits(0.5, 0)))


def test_the_inner_interval_lies_inside() -> None:
    share = share_of(0.3, 50)
    assert share.low < share.low_90 < 0.3 < share.high_90 < share.high


def test_disagreeing_imputations_are_worth_fewer_people() -> None:
    agree = effective_people(np.full(10, 0.4), np.full(10, 50.0))
    differ = effective_people(np.array([0.3, 0.5] * 5), np.full(10, 50.0))
    assert agree == (pytest.approx(0.4), 50.0)
    assert differ[0] == pytest.approx(0.4)
    assert differ[1] < 20


def test_luck_alone_is_what_a_large_sample_shows() -> None:
    """The integral against two million people drawn from the same normal visits."""
    mean = np.array([20.0, 15.0, 15.0])
    Sigma = np.array([[56.0, 30.0, 28.0], [30.0, 50.0, 33.0], [28.0, 33.0, 55.0]])
    found = regression_to_the_mean(mean, Sigma, 7.5)
    Y = np.random.default_rng(4).multivariate_normal(mean, Sigma, 2_000_000)
    responder = Y[:, 0] - Y[:, 1] >= 7.5
    lost = (Y[:, 2] - Y[:, 1] >= 7.5) | (Y[:, 0] - Y[:, 2] < 7.5)
    assert found.responders == pytest.approx(responder.mean(), abs=1.5e-3)
    assert found.relapse == pytest.approx(lost[responder].mean(), abs=2.5e-3)
    assert found.loss == pytest.approx((Y[:, 2] - Y[:, 1])[responder].mean(), abs=0.03)
    assert found.loss > 0.5, "those chosen for a low value drift back although the arm stays where it is"
