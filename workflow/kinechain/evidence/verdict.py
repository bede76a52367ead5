"""The verdict on an estimate: one of five, decided by limits against zero and against a smallest effect of interest."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

VerdictName = Literal["supported", "contradicted_null", "contradicted_opposite", "inconclusive", "not_testable"]
VERDICTS: tuple[VerdictName, ...] = get_args(VerdictName)

SUPPORTED: VerdictName = "supported"
NULL: VerdictName = "contradicted_null"
OPPOSITE: VerdictName = "contradicted_opposite"
INCONCLUSIVE: VerdictName = "inconclusive"
NOT_TESTABLE: VerdictName = "not_testable"

CONTRADICTED = (NULL, OPPOSITE)


@dataclass(frozen=True, slots=True)
class Limits:
    """An estimate and its two intervals, all in one unit.

    estimate         point estimate
    low, high        limits at the level of proof (95 %)
    low_90, high_90  limits at the level of equivalence (90 %)
    """

    estimate: float
    low: float
    high: float
    low_90: float
    high_90: float

    @property
    def is_known(self) -> bool:
        """Whether every number is there; a fit that failed has none."""
        return all(math.isfinite(number) for number in (self.estimate, self.low, self.high, self.low_90, self.high_90))

    def times(self, sign: int) -> Limits:
        """The limits of the estimate times +1 or -1: positive then means as claimed."""
        if sign == 1:
            return self
        return Limits(-self.estimate, -self.high, -self.low, -self.high_90, -self.low_90)


@dataclass(frozen=True, slots=True)
class Ruling:
    """A verdict and whether a negligible effect is detectable all the same."""

    verdict: VerdictName
    detectable_but_trivial: bool = False


def judge(limits: Limits, *, sign: int, sesoi: float, gate: Sequence[str] = ()) -> Ruling:
    """The verdict on a directed claim; exactly one results, in this order.

    1. `gate` names a reason, or a limit is missing: not_testable
    2. the 90 % interval lies strictly inside (-sesoi, sesoi): contradicted_null, and detectable_but_trivial when the
       95 % interval is above zero
    3. the 95 % interval is above zero in the claimed direction: supported
    4. the 95 % interval is below zero: contradicted_opposite
    5. otherwise: inconclusive

    sign   claimed direction of the estimate, +1 or -1
    sesoi  smallest effect size of interest, positive, in the unit of the limits

    Raises ValueError for another sign, or a sesoi that is not positive.

    Two one-sided tests: Schuirmann (1987), doi 10.1007/BF01068419; the same three-way reading of an interval as in
    Lakens, Scheel & Isager (2018), doi 10.1177/2515245918770963.
    """
    if sign not in (-1, 1) or not sesoi > 0:
        raise ValueError(f"a directed claim has sign +1 or -1 and a positive smallest effect, not {sign} and {sesoi}")
    if gate or not limits.is_known:
        return Ruling(NOT_TESTABLE)
    t = limits.times(sign)
    if -sesoi < t.low_90 and t.high_90 < sesoi:
        return Ruling(NULL, detectable_but_trivial=t.low > 0)
    if t.low > 0:
        return Ruling(SUPPORTED)
    if t.high < 0:
        return Ruling(OPPOSITE)
    return Ruling(INCONCLUSIVE)


def judge_equivalence(limits: Limits, *, bound: float, gate: Sequence[str] = ()) -> Ruling:
    """The verdict on a claim that nothing happens: the directed rule, reversed.

    supported when the 90 % interval lies strictly inside the bound, contradicted_opposite when the 95 % interval lies
    wholly outside it, inconclusive otherwise; not_testable when `gate` names a reason or a limit is missing.

    bound  largest size that still counts as nothing, positive, in the unit of the limits

    Raises ValueError for a bound that is not positive.
    """
    if not bound > 0:
        raise ValueError(f"an equivalence claim needs a positive bound, not {bound}")
    if gate or not limits.is_known:
        return Ruling(NOT_TESTABLE)
    if -bound < limits.low_90 and limits.high_90 < bound:
        return Ruling(SUPPORTED, detectable_but_trivial=limits.low > 0 or limits.high < 0)
    if limits.low >= bound or limits.high <= -bound:
        return Ruling(OPPOSITE)
    return Ruling(INCONCLUSIVE)


def judge_share(limits: Limits, *, low: float, high: float, gate: Sequence[str] = ()) -> Ruling:
    """The verdict on a claim that something happens often: a share against two declared thresholds.

    supported when the 95 % interval lies above `high`, contradicted_null when it lies below `low`, else inconclusive.
    """
    if gate or not limits.is_known:
        return Ruling(NOT_TESTABLE)
    if limits.low > high:
        return Ruling(SUPPORTED)
    if limits.high < low:
        return Ruling(NULL)
    return Ruling(INCONCLUSIVE)


def judge_chain(edges: Sequence[VerdictName], product: Limits, *, sign: int, gate: Sequence[str] = ()) -> Ruling:
    """The verdict on a whole chain by joint significance: an intersection-union test.

    supported when every edge is supported and the 95 % interval of the product excludes zero in the claimed direction;
    contradicted_null when an edge is practically zero, for then the product is; contradicted_opposite when an edge runs
    the other way; inconclusive otherwise. An edge that cannot be tested makes the chain not_testable.

    MacKinnon et al. (2002), doi 10.1037/1082-989X.7.1.83 (joint significance).
    """
    if gate or NOT_TESTABLE in edges or not product.is_known:
        return Ruling(NOT_TESTABLE)
    if NULL in edges:
        return Ruling(NULL)
    if OPPOSITE in edges:
        return Ruling(OPPOSITE)
    if all(edge == SUPPORTED for edge in edges) and product.times(sign).low > 0:
        return Ruling(SUPPORTED)
    return Ruling(INCONCLUSIVE)
