"""Rules of rivals: no dependence at all, a signature of several verdicts, effects that vanish."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from kinechain.evidence.claim import Claim
from kinechain.evidence.gate import closed_by_effect, closed_by_model
from kinechain.evidence.judgement import BETWEEN, WORDS, Case, Judgement, Known, Part, closed, largest, p_of
from kinechain.evidence.material import WHOLE_FIT, Found, Material
from kinechain.evidence.rule_effect import judge_effect
from kinechain.evidence.verdict import (
    CONTRADICTED,
    INCONCLUSIVE,
    NOT_TESTABLE,
    NULL,
    OPPOSITE,
    SUPPORTED,
    Ruling,
    VerdictName,
    judge,
)
from kinechain.numerics.multiplicity import adjust_holm


def judge_dependence(case: Case) -> Judgement:
    """Whether the variables depend on one another at all: chi-square of the model without paths, and BIC."""
    return _dependence(case, when_dependent=SUPPORTED, when_independent=NULL)


def judge_independence(case: Case) -> Judgement:
    """The same question asked by the rival that nothing depends on anything."""
    return _dependence(case, when_dependent=OPPOSITE, when_independent=SUPPORTED)


def judge_pattern(case: Case) -> Judgement:
    """A rival's signature: verdicts that several claims, and where named one effect, must have together."""
    claim, test, material, known = case.claim, case.test, case.material, case.known
    own = judge_effect(case) if test.effect else None
    seen = [(name, expected, known[name]) for name, expected in claim.rule.expects.items()]
    if own is not None:
        seen.append((test.effect, test.expects, own))
    shut = [(name, one.reasons) for name, _, one in seen if one.ruling.verdict == NOT_TESTABLE]
    if shut:
        return closed(*(f"{name} cannot be tested: {' '.join(reasons)}" for name, reasons in shut))
    verdicts = [(expected, one.ruling.verdict) for _, expected, one in seen]
    if all(expected == verdict for expected, verdict in verdicts):
        verdict = SUPPORTED
    elif any(verdict not in (expected, INCONCLUSIVE) for expected, verdict in verdicts):
        absent = own is not None and test.expects == SUPPORTED and own.ruling.verdict == NULL
        verdict = NULL if absent else OPPOSITE
    else:
        verdict = INCONCLUSIVE
    listed = ", ".join(
        f"{claim.rule.word(name)} {WORDS[one.ruling.verdict]} (expected {WORDS[expected]})"
        for name, expected, one in seen
    )
    reasons = [f"Of the signature: {listed}.", *_bic_sentence(claim, material)]
    base = own or Judgement(Ruling(verdict), model=test.model, n=material.n_of(test.model))
    return replace(
        base,
        ruling=Ruling(verdict),
        p_found=largest([p_of(one) for _, _, one in seen]) if verdict == SUPPORTED else math.nan,
        p_null=math.nan,
        reasons=tuple(reasons),
        parts=tuple(Part(name, one.model, one.effect, one.ruling.verdict, one.limits) for name, _, one in seen),
    )


def judge_vanishing(case: Case) -> Judgement:
    """Whether effects that were found disappear when something is held."""
    claim, test, material = case.claim, case.test, case.material
    sesoi = material.decisions[claim.rule.sesoi]
    pair = next(
        (one for one in claim.rule.pairs if material.is_fitted(one.before) and material.is_fitted(one.after)), None
    )
    if pair is None:
        named = "; ".join(f"{one.before} and {one.after}" for one in claim.rule.pairs)
        return closed(f"No pair of models was fitted to compare before and after: {named}.")
    gate = closed_by_model(pair.before, material) or closed_by_model(pair.after, material)
    found: list[tuple[Found, Found]] = []
    for effect in pair.effects:
        both = [material.find(model, effect, claim.rule.scale) for model in (pair.before, pair.after)]
        for model, one in zip((pair.before, pair.after), both, strict=True):
            gate = gate or closed_by_effect(one, model, effect, material)
        found += [(both[0], both[1])] if both[0] is not None and both[1] is not None else []
    if gate:
        return closed(*gate)
    rulings = [tuple(judge(one.limits, sign=claim.sign, sesoi=sesoi.value).verdict for one in both) for both in found]
    stays = adjust_holm(np.array([after.p_against_zero() for _, after in found]))
    held = [after for before, after in rulings if before == SUPPORTED]
    left = [
        after.effect
        for (_, after), (_, ruling), p in zip(found, rulings, stays, strict=True)
        if ruling == SUPPORTED and p <= material.decisions.value("alpha")
    ]
    if held and all(after in CONTRADICTED for after in held):
        verdict = SUPPORTED
    elif left:
        verdict = OPPOSITE
    elif all(before in CONTRADICTED for before, _ in rulings):
        verdict = NULL if all(before == NULL for before, _ in rulings) else OPPOSITE
    else:
        verdict = INCONCLUSIVE
    parts = []
    for (before, after), (first, second) in zip(found, rulings, strict=True):
        change = material.change(before, after, claim.rule.scale)
        parts.append(
            Part(after.effect, f"{pair.before}{BETWEEN}{pair.after}", after.effect, second, change, f"{first} before")
        )
    gone = sum(after in CONTRADICTED for after in held)
    listed = "; ".join(
        f"{after.effect} {before.limits.estimate:.2f} ({WORDS[first]}) before, {after.limits.estimate:.2f} "
        f"({WORDS[second]}) after"
        for (before, after), (first, second) in zip(found, rulings, strict=True)
    )
    reasons = (
        f"Effects found as claimed in {pair.before}: {len(held)} of {len(found)}; of these still found in "
        f"{pair.after}: {held.count(SUPPORTED)}, practically zero or opposite there: {gone}.",
        f"Estimates: {listed}.",
        *([] if held else ["Nothing stood there before that could vanish."]),
        *([f"Found in {pair.after}, with correction for all that were looked at: {', '.join(left)}."] if left else []),
    )
    most = max(parts, key=lambda part: abs(part.limits.estimate))
    return Judgement(
        Ruling(verdict),
        model=pair.after,
        effect=most.effect,
        evidence=test.evidence,
        limits=most.limits,
        sesoi=sesoi.value,
        sesoi_unit=sesoi.unit,
        unit=f"change, {found[0][1].unit}",
        level=found[0][1].level,
        n=found[0][1].n,
        p_found=largest(
            [
                after.p_equivalence(sesoi.value)
                for (_, after), (first, _) in zip(found, rulings, strict=True)
                if first == SUPPORTED
            ]
        )
        if verdict == SUPPORTED
        else math.nan,
        weakest=most.effect,
        reasons=reasons,
        parts=tuple(parts),
    )


def _dependence(case: Case, *, when_dependent: VerdictName, when_independent: VerdictName) -> Judgement:
    claim, material, known = case.claim, case.material, case.known
    null = claim.rule.null_model
    models = [model for model in claim.rule.open_models if model in material.fits]
    if null not in material.fits or not models:
        return closed(f"The models {null} and {', '.join(claim.rule.open_models)} were not both fitted.")
    gate = closed_by_model(null, material)
    for model in models:
        gate = gate or closed_by_model(model, material)
    if not gate and len({material.n_of(model) for model in (null, *models)}) > 1:
        gate = [f"{null} and its rivals used different people, so that their fits cannot be compared."]
    if not gate and len({seen for model in (null, *models) if (seen := material.variables_of(model))}) > 1:
        gate = [f"{null} and its rivals look at different variables, so that their fits cannot be compared."]
    if gate:
        return closed(*gate)
    chisq, df, p = (material.measure(null, name) for name in ("chisq", "df", "pvalue"))
    best = min(models, key=lambda model: material.measure(model, "bic"))
    gain = material.measure(null, "bic") - material.measure(best, "bic")
    if math.isnan(p) or math.isnan(gain):
        return closed(f"{null} has no chi-square or no BIC.")
    rejected = p < material.decisions.value("alpha")
    coarse = _too_coarse(claim, material, known)
    if rejected and gain > 0:
        verdict: VerdictName = when_dependent
    elif not rejected and gain < 0 and not coarse:
        verdict = when_independent
    else:
        verdict = INCONCLUSIVE
    better, worse = (best, null) if gain > 0 else (null, best)
    reasons = [
        f"Independence given the covariates is {'rejected' if rejected else 'not rejected'} "
        f"(chi-square {chisq:.1f} on {df:.0f} df); BIC prefers {better} to {worse} by {abs(gain):.1f}."
    ]
    if coarse and verdict == INCONCLUSIVE and not rejected:
        reasons.append(coarse)
    return Judgement(
        Ruling(verdict),
        model=null,
        effect=WHOLE_FIT,
        n=material.n_of(null),
        p_found=p if verdict == when_dependent else math.nan,
        reasons=tuple(reasons),
    )


def _too_coarse(claim: Claim, material: Material, known: Known) -> str:
    """Why silence is no evidence of absence here: an edge whose interval could not have shown a null."""
    for name in claim.rule.edges:
        edge = known[name]
        if edge.ruling.verdict == NOT_TESTABLE:
            return f"The link {name} could not be tested, so that silence is no evidence of absence."
        width = (edge.limits.high_90 - edge.limits.low_90) / 2
        if width >= material.decisions.value(claim.rule.sesoi):
            return f"The interval of {name} is too wide to show an absence, so that silence is no evidence of it."
    return ""


def _bic_sentence(claim: Claim, material: Material) -> list[str]:
    if claim.rule.compare is None:
        return []
    small, large = claim.rule.compare
    gain = material.measure(small, "bic") - material.measure(large, "bic")
    unlike = material.n_of(small) != material.n_of(large) or material.variables_of(small) != material.variables_of(
        large
    )
    if math.isnan(gain) or unlike:
        return []
    better, worse = (large, small) if gain > 0 else (small, large)
    return [
        f"BIC prefers {better} to {worse} by {abs(gain):.1f}. It weighs fit against the number of paths, of which the "
        "open model has many that are not in question here; the verdict rests on the links."
    ]
