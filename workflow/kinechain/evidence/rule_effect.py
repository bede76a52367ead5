"""Rules that rest on effects of one kind: one directed effect, several together, an equivalence, a share."""

from __future__ import annotations

import math
from dataclasses import replace

from kinechain.evidence.gate import closed_by_effect, closed_by_model
from kinechain.evidence.judgement import (
    RANK,
    WORDS,
    Case,
    Judgement,
    Part,
    closed,
    from_found,
    largest,
    people_for_null,
)
from kinechain.evidence.material import Found, Material
from kinechain.evidence.resolution import n_where_null_begins
from kinechain.evidence.verdict import (
    INCONCLUSIVE,
    NULL,
    OPPOSITE,
    SUPPORTED,
    Ruling,
    judge,
    judge_equivalence,
    judge_share,
)


def judge_effect(case: Case) -> Judgement:
    """One directed effect against zero and against the smallest effect of interest."""
    claim, test, material = case.claim, case.test, case.material
    found = material.find(test.model, test.effect, claim.rule.scale)
    gate = closed_by_model(test.model, material) or closed_by_effect(found, test.model, test.effect, material)
    if gate or found is None:
        return closed(*gate)
    sesoi = material.decisions[claim.rule.sesoi]
    ruling = judge(found.limits, sign=claim.sign, sesoi=sesoi.value)
    judgement = from_found(found, ruling, case, sesoi.value, sesoi.unit)
    reasons = [_explain(ruling, found, claim.sign, sesoi.value, material)]
    if ruling.detectable_but_trivial:
        reasons.append("It can be told from zero, yet it is too small to matter.")
    reasons += _noninferiority(test.effect, found.unit, material)
    return replace(judgement, reasons=tuple(reasons))


def judge_no_effect(case: Case) -> Judgement:
    """Several effects that must all lie inside a bound: an intersection of equivalence tests."""
    claim, test, material = case.claim, case.test, case.material
    bound = material.decisions[claim.rule.sesoi]
    found = [material.find(test.model, effect, claim.rule.scale) for effect in claim.rule.effects]
    gate = closed_by_model(test.model, material)
    for effect, one in zip(claim.rule.effects, found, strict=True):
        gate = gate or closed_by_effect(one, test.model, effect, material)
    if gate:
        return closed(*gate)
    there = [one for one in found if one is not None]
    rulings = [judge_equivalence(one.limits, bound=bound.value) for one in there]
    verdicts = [ruling.verdict for ruling in rulings]
    if OPPOSITE in verdicts:
        ruling = Ruling(OPPOSITE)
    elif all(verdict == SUPPORTED for verdict in verdicts):
        ruling = Ruling(SUPPORTED, any(one.detectable_but_trivial for one in rulings))
    else:
        ruling = Ruling(INCONCLUSIVE)
    worst = max(there, key=lambda one: max(abs(one.limits.low_90), abs(one.limits.high_90)))
    judgement = from_found(worst, ruling, case, bound.value, bound.unit)
    inside = sum(verdict == SUPPORTED for verdict in verdicts)
    reasons = (
        f"{inside} of {len(there)} effects have their 90 % interval inside ±{bound.value:g} {bound.unit}; "
        f"the furthest out is {worst.effect}.",
    )
    return replace(
        judgement,
        p_found=largest([one.p_equivalence(bound.value) for one in there]) if ruling.verdict == SUPPORTED else math.nan,
        p_null=math.nan,
        smallest_supported=math.nan,
        n_for_null=people_for_null(there, bound.value, material),
        weakest=worst.effect,
        reasons=reasons,
        parts=tuple(
            Part(one.effect, one.model, one.effect, verdict, one.limits)
            for one, verdict in zip(there, verdicts, strict=True)
        ),
    )


def judge_all_of(case: Case) -> Judgement:
    """Several directed effects that must all hold; one alone decides nothing."""
    claim, test, material = case.claim, case.test, case.material
    sesoi = material.decisions[claim.rule.sesoi]
    gate = closed_by_model(test.model, material)
    found = [material.find(test.model, effect, claim.rule.scale) for effect in claim.rule.effects]
    for effect, one in zip(claim.rule.effects, found, strict=True):
        gate = gate or closed_by_effect(one, test.model, effect, material)
    if gate:
        return closed(*gate)
    there = [one for one in found if one is not None]
    rulings = [judge(one.limits, sign=claim.sign, sesoi=sesoi.value).verdict for one in there]
    common = rulings[0] if len(set(rulings)) == 1 else INCONCLUSIVE
    weakest = min(
        zip(there, rulings, strict=True), key=lambda pair: (RANK[pair[1]], pair[0].limits.times(claim.sign).low)
    )[0]
    judgement = from_found(weakest, Ruling(common), case, sesoi.value, sesoi.unit)
    listed = ", ".join(
        f"{claim.rule.word(one.effect)} ({WORDS[verdict]})" for one, verdict in zip(there, rulings, strict=True)
    )
    return replace(
        judgement,
        p_found=largest([one.p_against_zero() for one in there]),
        p_null=largest([one.p_equivalence(sesoi.value) for one in there]),
        weakest=weakest.effect,
        reasons=(f"Part by part: {listed}. The numbers shown are those of: {claim.rule.word(weakest.effect)}.",),
        parts=tuple(
            Part(one.effect, one.model, one.effect, verdict, one.limits)
            for one, verdict in zip(there, rulings, strict=True)
        ),
    )


def judge_often(case: Case) -> Judgement:
    """A share against two declared thresholds."""
    claim, test, material = case.claim, case.test, case.material
    found = material.find(test.model, test.effect, "raw")
    gate = closed_by_model(test.model, material) or closed_by_effect(found, test.model, test.effect, material)
    if gate or found is None:
        return closed(*gate)
    low, high = material.decisions.value(claim.rule.low), material.decisions.value(claim.rule.high)
    ruling = judge_share(found.limits, low=low, high=high)
    excess, beside = _beside_other_arm(test.model, material)
    if ruling.verdict == SUPPORTED and not excess:
        ruling = Ruling(INCONCLUSIVE)
    judgement = from_found(found, ruling, case, high, material.decisions[claim.rule.high].unit)
    reasons = (f"The interval is held against {100 * low:g} % and {100 * high:g} %.", beside)
    return replace(
        judgement, smallest_supported=math.nan, n_for_null=None, p_found=math.nan, p_null=math.nan, reasons=reasons
    )


def _noninferiority(effect: str, unit: str, material: Material) -> list[str]:
    """The first step of a trial's closed test, for the contrast it was declared for."""
    for fact in (material.facts(model).get("noninferiority") for model in material.fits):
        if fact and effect == fact.get("effect"):
            shown = ["shown" if fact[step] else "not shown" for step in ("non_inferior", "superior")]
            margin = f"{fact['margin']:g} {unit}".strip()
            return [f"Not worse by {margin} or more: {shown[0]}; better, asked only after that: {shown[1]}."]
    return []


def _beside_other_arm(model: str, material: Material) -> tuple[bool, str]:
    """Whether a share lies above that of the arm it is compared with, and the sentence about it.

    Complaints that come and go relapse in every arm: a share by itself says nothing of a treatment.
    """
    fact = material.facts(model).get("relapse_difference")
    if not fact:
        return False, "No other arm stands beside it, and a complaint that comes and goes relapses after any care."
    points = [100 * fact[name] for name in ("estimate", "low", "high")]
    above = bool(fact["low"] > 0)
    says = "more than" if above else "not shown to be more than"
    labels = material.facts(model).get("labels") or {}
    arm, against = (labels.get(fact[name]) or fact[name] for name in ("arm", "against"))
    return above, (
        f"In the arm {arm} the share is {says} in the arm {against}: "
        f"difference {points[0]:.0f} percentage points [{points[1]:.0f}, {points[2]:.0f}]."
    )


def _explain(ruling: Ruling, found: Found, sign: int, sesoi: float, material: Material) -> str:
    side = "claimed" if sign == 1 else "claimed, negative,"
    if ruling.verdict == SUPPORTED:
        return f"The 95 % interval lies on the {side} side of zero."
    if ruling.verdict == OPPOSITE:
        return "The 95 % interval lies on the side of zero that contradicts the claim."
    if ruling.verdict == NULL:
        return f"The 90 % interval lies inside ±{sesoi:g} {found.unit}: practically zero."
    begins = n_where_null_begins(found.n, found.std_error, sesoi, level=material.decisions.value("equivalence_level"))
    wide = (
        f" With fewer than about {begins} people no estimate could have shown an absence." if found.n < begins else ""
    )
    return (
        f"The 95 % interval holds zero and the 90 % interval reaches beyond ±{sesoi:g} {found.unit}: neither an effect "
        f"nor its absence is shown.{wide}"
    )
