"""What a rule says of a claim, before multiplicity and words."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from kinechain.evidence.claim import Claim, Test
from kinechain.evidence.material import UNKNOWN, Found, Material
from kinechain.evidence.resolution import n_for_null, smallest_supported
from kinechain.evidence.verdict import (
    INCONCLUSIVE,
    NOT_TESTABLE,
    NULL,
    OPPOSITE,
    SUPPORTED,
    Limits,
    Ruling,
    VerdictName,
)


@dataclass(frozen=True, slots=True)
class Part:
    """One effect a verdict rests on, with its own ruling."""

    name: str
    model: str
    effect: str
    verdict: VerdictName | None
    limits: Limits
    note: str = ""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a rule says before multiplicity and wording.

    ruling              the verdict
    model, effect       what decided
    evidence            what kind of comparison it rests on
    limits              of the deciding effect, not multiplied by the claimed sign; NaN where no single effect decides
    sesoi, sesoi_unit   smallest effect of interest held against them
    p_found             p-value of the evidence for a supported or opposite verdict
    p_null              p-value of the evidence for practically zero
    smallest_supported  smallest effect this cohort could have supported; NaN where none is defined
    n_for_null          people at whom a null would be called, None where none is defined or fewer than get any verdict
    weakest             the link that would break first, or ""
    """

    ruling: Ruling
    model: str = ""
    effect: str = ""
    evidence: str = "cross_sectional"
    limits: Limits = UNKNOWN
    sesoi: float = math.nan
    sesoi_unit: str = ""
    unit: str = ""
    level: float = math.nan
    n: int | None = None
    p_found: float = math.nan
    p_null: float = math.nan
    smallest_supported: float = math.nan
    n_for_null: int | None = None
    weakest: str = ""
    reasons: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()


Known = Mapping[str, Judgement]
"""Judgements of the claims judged before, by claim."""


@dataclass(frozen=True, slots=True)
class Case:
    """A claim before its rule: the test that decides, the cohort's results, and the claims judged before."""

    claim: Claim
    test: Test
    material: Material
    known: Known


BETWEEN = " → "
"""Between the two models of a part that is a change."""

RuleFunction = Callable[[Case], Judgement]

RANK: dict[str, int] = {NOT_TESTABLE: 0, OPPOSITE: 1, NULL: 2, INCONCLUSIVE: 3, SUPPORTED: 4}
"""Order in which links break: the lowest first."""

WORDS: dict[str, str] = {
    SUPPORTED: "supported",
    NULL: "practically zero",
    OPPOSITE: "opposite",
    INCONCLUSIVE: "open",
    NOT_TESTABLE: "not testable",
}
"""Verdicts inside a sentence."""


def closed(*reasons: str) -> Judgement:
    """The judgement when the gate is shut."""
    return Judgement(Ruling(NOT_TESTABLE), reasons=reasons)


def from_found(found: Found, ruling: Ruling, case: Case, sesoi: float, sesoi_unit: str) -> Judgement:
    """The judgement that rests on one effect."""
    decisions = case.material.decisions
    return Judgement(
        ruling,
        model=found.model,
        effect=found.effect,
        evidence=case.test.evidence,
        limits=found.limits,
        sesoi=sesoi,
        sesoi_unit=sesoi_unit,
        unit=found.unit,
        level=found.level,
        n=found.n,
        p_found=found.p_against_zero(),
        p_null=found.p_equivalence(sesoi),
        smallest_supported=smallest_supported(
            found.std_error, level=decisions.value("level"), power=decisions.value("power")
        ),
        n_for_null=people_for_null([found], sesoi, case.material),
    )


def people_for_null(found: Sequence[Found], sesoi: float, material: Material) -> int | None:
    """People at whom an exact zero of each of these effects would be called practically zero.

    None below the least that get any verdict: nothing is called there, and errors follow no square root.
    """
    level, power = material.decisions.value("equivalence_level"), material.decisions.value("power")
    needed = max(n_for_null(one.n, one.std_error, sesoi, level=level, power=power) for one in found)
    return needed if needed >= material.decisions.value("gate.minimum_n") else None


def p_of(judgement: Judgement) -> float:
    """The p-value behind the verdict: of absence where that is practically zero, else of the finding; NaN if none."""
    return judgement.p_null if judgement.ruling.verdict == NULL else judgement.p_found


def largest(numbers: Sequence[float]) -> float:
    """The largest number; NaN when one is not known or none is given."""
    known = [number for number in numbers if not math.isnan(number)]
    return max(known) if known and len(known) == len(numbers) else math.nan


def smallest(numbers: Sequence[float]) -> float:
    """The smallest of the known numbers, NaN when none is."""
    known = [number for number in numbers if not math.isnan(number)]
    return min(known) if known else math.nan


def smallest_corrected(numbers: Sequence[float], tried: int) -> float:
    """The smallest of some p-values, corrected for how many were tried (Bonferroni); NaN when none is known."""
    return min(tried * smallest(numbers), 1.0)  # in this order NaN stays NaN


def side_of(limits: Limits) -> int:
    """On which side of zero the 95 % interval lies: 1, -1, or 0 for both."""
    return 1 if limits.low > 0 else -1 if limits.high < 0 else 0
