"""From a cohort's results to the evidence: every claim judged, corrected for multiplicity, and put into words."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from kinechain.decisions import Decisions
from kinechain.evidence.claim import Claim, Test, in_order, settle_sesoi
from kinechain.evidence.direction import Directions, compare_directions
from kinechain.evidence.gate import closed_by_cohort, poor_fits, what_it_takes
from kinechain.evidence.judgement import BETWEEN, Case, Judgement, Part, closed
from kinechain.evidence.material import Material, gather
from kinechain.evidence.rule import RULES
from kinechain.evidence.tier import TierName, pattern_wording, strongest_wording, tier_asked, tier_of
from kinechain.evidence.verdict import INCONCLUSIVE, NOT_TESTABLE, NULL, OPPOSITE, SUPPORTED, Ruling, VerdictName
from kinechain.numerics import Array
from kinechain.numerics.multiplicity import adjust_benjamini_hochberg, adjust_holm

if TYPE_CHECKING:
    import pandas as pd

    from kinechain.cohort import Cohort

ADJUSTMENTS: dict[str, Callable[[Array], Array]] = {"primary": adjust_holm, "chain": np.array}
"""Correction of a family; every other is corrected by Benjamini and Hochberg. Joint significance needs none."""

FORWARD, REVERSE = "M1_chain_joint", "M6_reverse_joint"
DIRECTED_RULES = ("effect", "chain", "mediated", "all_of")
"""Kinds whose verdict is about one exposure and one outcome; every other kind is about a pattern."""

EQUIVALENCE_RULES = ("equivalence", "cancellation", "independence")


@dataclass(frozen=True, slots=True)
class Verdict:
    """One row of the claims table: what was said of one claim, on what, and how far it may be trusted.

    Numbers are on the scale of the smallest effect of interest and in problem space, not multiplied by the claimed
    sign; NaN where a rule rests on no single effect. `survives_multiplicity` is None where nothing was found that a
    correction could take away.
    """

    claim: str
    verdict: VerdictName
    tier: TierName
    model: str
    effect: str
    estimate: float
    low: float
    high: float
    level: float
    sesoi: float
    n: int | None
    weakest: str
    reasons: tuple[str, ...]
    gist: str
    kind: str
    family: str
    rule: str
    sign: int
    equivalence: bool
    scale: str
    unit: str
    sesoi_unit: str
    low_90: float
    high_90: float
    p_value: float
    p_adjusted: float
    survives_multiplicity: bool | None
    detectable_but_trivial: bool
    smallest_supported: float
    n_for_null: int | None
    estimand: str
    needs: str
    wording: str
    would_overturn: str
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one cohort says of every claim.

    verdicts    in the order of config/claims.yaml
    directions  whether this cohort can tell the chain from its reverse
    """

    design: str
    sampling_frame: str
    synthetic: bool
    n: int
    verdicts: tuple[Verdict, ...]
    directions: Directions

    def verdict(self, claim: str) -> Verdict:
        """The verdict on one claim, by its id."""
        return next(one for one in self.verdicts if one.claim == claim)


def judge_claims(
    cohort: Cohort,
    claims: Sequence[Claim],
    decisions: Decisions,
    effects: pd.DataFrame,
    fits: Mapping[str, Mapping[str, Any]],
    *,
    draws: Mapping[str, pd.DataFrame] | None = None,
) -> Evidence:
    """The evidence of one cohort: a pure function of its results and the declared rules.

    cohort     design, sampling frame, measures and doubts; no person's value is looked at
    claims     from config/claims.yaml
    decisions  from config/decisions.yaml
    effects    effect table of all models and checks of the cohort
    fits       model -> content of its fit file
    draws      model -> its draws, one column an effect, `std:` before the name for the standardised one. Without them
               p-values come from the normal approximation, and changes between models have no interval
    """
    return judge_material(gather(cohort, decisions, effects, fits, draws), claims)


def judge_material(material: Material, claims: Sequence[Claim]) -> Evidence:
    """`judge_claims` for material that was put together before."""
    directions = compare_directions(
        material.fits, FORWARD, REVERSE, tolerance=material.decisions.value("gate.loglikelihood_equal")
    )
    known: dict[str, Judgement] = {}
    for claim in in_order(tuple(claims)):
        known[claim.id] = _judge(claim, material, known)
    adjusted = _adjust(claims, known)
    verdicts = tuple(_verdict(claim, known[claim.id], adjusted[claim.id], material, directions) for claim in claims)
    return Evidence(material.design, material.sampling_frame, material.synthetic, material.n, verdicts, directions)


def _judge(claim: Claim, material: Material, known: Mapping[str, Judgement]) -> Judgement:
    gate = closed_by_cohort(claim, material)
    if gate:
        return closed(*gate)
    test = material.test_of(claim)
    if test is None:
        named = ", ".join(dict.fromkeys(one.model for one in claim.tests))
        return closed(f"No model that can test the claim was fitted to this cohort ({named}).")
    refused = _refused(test, claim, material)
    if refused:
        return closed(refused)
    case = Case(settle_sesoi(claim, material.measures, material.decisions), test, material, known)
    return _with_overturned(RULES[claim.rule.kind](case), material)


def _refused(test: Test, claim: Claim, material: Material) -> str:
    """Why the analysis that would test a claim says that this cohort cannot, or ""."""
    for subject, fact in (material.facts(test.model).get("testable") or {}).items():
        asked = any(subject in effect for effect in (test.effect, *claim.rule.effects))
        if asked and fact.get("testable") is False:
            return str(fact.get("reason") or f"{test.model} cannot test the claim in this cohort.")
    return ""


def _with_overturned(judgement: Judgement, material: Material) -> Judgement:
    """A supported verdict that a shift of the unseen values within the declared range overturns is open."""
    overturned = material.facts(judgement.model).get("overturned") or {}
    effects = {judgement.effect, *(part.effect for part in judgement.parts if part.model == judgement.model)}
    if judgement.ruling.verdict != SUPPORTED or not any(overturned.get(effect) for effect in effects):
        return judgement
    reason = "A shift of the values nobody saw, within the declared range, overturns it."
    return replace(judgement, ruling=Ruling(INCONCLUSIVE), reasons=(*judgement.reasons, reason))


def _adjust(claims: Sequence[Claim], known: Mapping[str, Judgement]) -> dict[str, tuple[float, float]]:
    """Adjusted p-values (found, null) of every claim: Holm in the primary family, none for a chain, BH elsewhere."""
    result: dict[str, tuple[float, float]] = {}
    for family in dict.fromkeys(claim.family for claim in claims):
        members = [claim.id for claim in claims if claim.family == family]
        adjust = ADJUSTMENTS.get(family, adjust_benjamini_hochberg)
        found = adjust(np.array([known[name].p_found for name in members]))
        null = adjust(np.array([known[name].p_null for name in members]))
        result |= {name: (float(f), float(z)) for name, f, z in zip(members, found, null, strict=True)}
    return result


def _verdict(
    claim: Claim,
    judgement: Judgement,
    adjusted: tuple[float, float],
    material: Material,
    directions: Directions,
) -> Verdict:
    verdict = judgement.ruling.verdict
    tier = tier_of(material.design, judgement.evidence)
    p, p_adjusted = (judgement.p_null, adjusted[1]) if verdict == NULL else (judgement.p_found, adjusted[0])
    decided = verdict in (SUPPORTED, NULL, OPPOSITE) and not math.isnan(p_adjusted)
    survives = p_adjusted <= material.decisions.value("alpha") if decided else None
    testable = verdict != NOT_TESTABLE
    limits = judgement.limits
    return Verdict(
        claim=claim.id,
        verdict=verdict,
        tier=tier,
        model=judgement.model,
        effect=judgement.effect,
        estimate=limits.estimate,
        low=limits.low,
        high=limits.high,
        level=judgement.level,
        sesoi=judgement.sesoi,
        n=judgement.n,
        weakest=judgement.weakest,
        reasons=_reasons(claim, judgement, material, directions),
        gist=claim.gist,
        kind=claim.kind,
        family=claim.family,
        rule=claim.rule.kind,
        sign=claim.sign,
        equivalence=claim.rule.kind in EQUIVALENCE_RULES,
        scale=claim.rule.scale,
        unit=judgement.unit,
        sesoi_unit=judgement.sesoi_unit,
        low_90=limits.low_90,
        high_90=limits.high_90,
        p_value=p,
        p_adjusted=p_adjusted,
        survives_multiplicity=survives,
        detectable_but_trivial=judgement.ruling.detectable_but_trivial,
        smallest_supported=judgement.smallest_supported,
        n_for_null=judgement.n_for_null,
        estimand=claim.estimand,
        needs="" if testable else " ".join(judgement.reasons),
        wording=_wording(claim, verdict, tier, survives is not False),
        would_overturn=claim.overturned_by if testable else what_it_takes(claim, material),
        parts=judgement.parts,
    )


def _wording(claim: Claim, verdict: VerdictName, tier: TierName, survives: bool) -> str:
    if claim.rule.kind in DIRECTED_RULES:
        asked = tier_asked(claim.tests[0].evidence)
        return strongest_wording(verdict, tier, claim.exposure, claim.outcome, survives=survives, asked=asked)
    return pattern_wording(verdict, tier, claim.gist, survives=survives)


def _reasons(claim: Claim, judgement: Judgement, material: Material, directions: Directions) -> tuple[str, ...]:
    reasons = list(judgement.reasons)
    if judgement.ruling.verdict != NOT_TESTABLE:
        first = claim.tests[0].model
        if judgement.model and judgement.model != first and judgement.model in {test.model for test in claim.tests}:
            reasons.append(f"{first} was not fitted to this cohort; {judgement.model} decided instead.")
        reasons += poor_fits(_behind(judgement), material)
        reasons += [caveat.says for caveat in claim.caveats if set(caveat.given) <= set(material.variables)]
        unmeasured = material.unmeasured(judgement.model, judgement.effect)
        if unmeasured:
            reasons.append(f"Declared covariates that this cohort lacks: {', '.join(unmeasured)}.")
        if material.sampling_frame in claim.collider_frames:
            frame = material.sampling_frame.replace("_", " ")
            reasons.append(
                f"Everybody here was chosen for {frame}, which can bend this effect (selection on a consequence)."
            )
    if claim.kind == "causal" and claim.rule.kind == "chain" and directions.indistinguishable:
        reasons.append(directions.sentence)
    asks_for_order = claim.kind == "rival" and "lagged" in {test.evidence for test in claim.tests}
    if asks_for_order and directions.indistinguishable is not None:
        reasons.append(directions.sentence)
    return tuple(reasons)


def _behind(judgement: Judgement) -> Iterator[tuple[str, str]]:
    """Model and effect of everything a verdict rests on; a change between two models rests on both."""
    yield judgement.model, judgement.effect
    for part in judgement.parts:
        for model in part.model.split(BETWEEN):
            yield model, part.effect


def evidence_table(evidence: Evidence) -> pd.DataFrame:
    """Claims as a table, one row a claim; reasons are joined by spaces, parts are left to the record."""
    import pandas as pd

    rows = [
        {
            **{name: getattr(one, name) for name in Verdict.__slots__ if name not in ("reasons", "parts")},
            "reasons": " ".join(one.reasons),
        }
        for one in evidence.verdicts
    ]
    table = pd.DataFrame(rows)
    first = ["claim", "verdict", "tier", "model", "effect", "estimate", "low", "high", "level", "sesoi", "n", "weakest"]
    rest = [name for name in table.columns if name not in (*first, "reasons")]
    table = table[[*first, "reasons", *rest]]
    for name in ("n", "n_for_null"):
        table[name] = table[name].astype("Int64")
    return table


def evidence_record(evidence: Evidence) -> dict[str, Any]:
    """Evidence as plain values for json: every verdict with its reasons and parts, and the two directions."""
    return {
        "design": evidence.design,
        "sampling_frame": evidence.sampling_frame,
        "synthetic": evidence.synthetic,
        "n": evidence.n,
        "claims": [asdict(one) for one in evidence.verdicts],
        "directions": asdict(evidence.directions),
    }
