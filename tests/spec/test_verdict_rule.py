"""How a verdict falls: one behaviour a test, limits drawn in the test, smallest effect of interest 0.10 throughout.

limits(estimate, 95 % low, 95 % high, 90 % low, 90 % high)
"""

import math

import pytest

from kinechain.evidence.verdict import Limits, judge, judge_chain, judge_equivalence, judge_share

SESOI = 0.10


def limits(estimate: float, low: float, high: float, low_90: float, high_90: float) -> Limits:
    return Limits(estimate, low, high, low_90, high_90)


CLEAR = limits(0.30, 0.20, 0.40, 0.22, 0.38)
NULL = limits(0.01, -0.08, 0.10, -0.06, 0.08)
WIDE = limits(0.10, -0.10, 0.30, -0.06, 0.26)


def test_an_interval_above_zero_supports_a_positive_claim():
    assert judge(CLEAR, sign=1, sesoi=SESOI).verdict == "supported"


def test_the_same_interval_contradicts_a_negative_claim():
    assert judge(CLEAR, sign=-1, sesoi=SESOI).verdict == "contradicted_opposite"


def test_an_interval_below_zero_supports_a_negative_claim():
    assert judge(CLEAR.times(-1), sign=-1, sesoi=SESOI).verdict == "supported"


def test_a_90_percent_interval_inside_the_bounds_is_practically_zero():
    assert judge(NULL, sign=1, sesoi=SESOI).verdict == "contradicted_null"


def test_practically_zero_comes_before_supported_and_is_flagged():
    small = limits(0.05, 0.01, 0.09, 0.02, 0.08)
    ruling = judge(small, sign=1, sesoi=SESOI)
    assert ruling.verdict == "contradicted_null"
    assert ruling.detectable_but_trivial


def test_practically_zero_but_opposite_is_not_flagged_as_detectable():
    small = limits(-0.05, -0.09, -0.01, -0.08, -0.02)
    ruling = judge(small, sign=1, sesoi=SESOI)
    assert ruling.verdict == "contradicted_null"
    assert not ruling.detectable_but_trivial


def test_the_bound_itself_is_not_inside():
    assert judge(limits(0.0, -0.12, 0.12, -0.10, 0.10), sign=1, sesoi=SESOI).verdict == "inconclusive"


def test_an_interval_that_touches_zero_does_not_support():
    assert judge(limits(0.2, 0.0, 0.4, 0.02, 0.38), sign=1, sesoi=SESOI).verdict == "inconclusive"


def test_a_wide_interval_across_zero_decides_nothing():
    assert judge(WIDE, sign=1, sesoi=SESOI).verdict == "inconclusive"


def test_a_shut_gate_stops_even_a_clear_effect():
    assert judge(CLEAR, sign=1, sesoi=SESOI, gate=["too few people"]).verdict == "not_testable"


def test_a_missing_limit_stops_the_verdict():
    assert judge(limits(0.3, math.nan, 0.4, 0.2, 0.4), sign=1, sesoi=SESOI).verdict == "not_testable"


def test_a_directed_claim_without_a_direction_is_a_bug_not_a_verdict():
    with pytest.raises(ValueError, match="sign"):
        judge(CLEAR, sign=0, sesoi=SESOI)


def test_a_claim_of_no_effect_is_supported_inside_the_bound():
    assert judge_equivalence(NULL, bound=SESOI).verdict == "supported"


def test_a_claim_of_no_effect_is_contradicted_wholly_outside_the_bound():
    assert judge_equivalence(CLEAR, bound=SESOI).verdict == "contradicted_opposite"
    assert judge_equivalence(CLEAR.times(-1), bound=SESOI).verdict == "contradicted_opposite"


def test_a_claim_of_no_effect_stays_open_when_the_interval_crosses_the_bound():
    assert judge_equivalence(limits(0.12, 0.05, 0.19, 0.06, 0.18), bound=SESOI).verdict == "inconclusive"


def test_a_claim_of_no_effect_has_the_same_gate():
    assert judge_equivalence(NULL, bound=SESOI, gate=["no convergence"]).verdict == "not_testable"


def test_often_means_above_the_upper_share():
    assert judge_share(limits(0.7, 0.55, 0.85, 0.58, 0.82), low=0.25, high=0.50).verdict == "supported"


def test_often_is_contradicted_below_the_lower_share():
    assert judge_share(limits(0.1, 0.02, 0.2, 0.03, 0.18), low=0.25, high=0.50).verdict == "contradicted_null"


def test_a_share_between_the_bounds_stays_open():
    assert judge_share(limits(0.4, 0.3, 0.55, 0.32, 0.52), low=0.25, high=0.50).verdict == "inconclusive"


PRODUCT = limits(0.002, 0.0005, 0.004, 0.0007, 0.0038)
FIVE = ["supported"] * 5


def test_a_chain_holds_when_every_link_and_the_product_do():
    assert judge_chain(FIVE, PRODUCT, sign=1).verdict == "supported"


def test_a_chain_is_not_held_to_the_smallest_effect_of_a_link():
    assert PRODUCT.high < SESOI
    assert judge_chain(FIVE, PRODUCT, sign=1).verdict == "supported"


def test_a_chain_stays_open_when_the_product_may_be_zero():
    assert judge_chain(FIVE, limits(0.002, -0.001, 0.005, 0.0, 0.004), sign=1).verdict == "inconclusive"


def test_one_open_link_leaves_the_chain_open():
    assert judge_chain([*FIVE[:4], "inconclusive"], PRODUCT, sign=1).verdict == "inconclusive"


def test_one_link_of_practically_nothing_contradicts_the_chain():
    assert judge_chain([*FIVE[:4], "contradicted_null"], PRODUCT, sign=1).verdict == "contradicted_null"


def test_one_opposite_link_contradicts_the_chain():
    assert judge_chain([*FIVE[:4], "contradicted_opposite"], PRODUCT, sign=1).verdict == "contradicted_opposite"


def test_two_opposite_links_do_not_make_the_chain_right():
    links = ["contradicted_opposite", "contradicted_opposite", *FIVE[:3]]
    assert judge_chain(links, PRODUCT, sign=1).verdict == "contradicted_opposite"


def test_a_link_that_cannot_be_tested_stops_the_chain():
    assert judge_chain([*FIVE[:4], "not_testable"], PRODUCT, sign=1).verdict == "not_testable"
