"""Rules about ways through the body: a serial chain, a mediator, parts that cancel."""

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
    side_of,
    smallest_corrected,
)
from kinechain.evidence.material import Found
from kinechain.evidence.verdict import (
    CONTRADICTED,
    INCONCLUSIVE,
    NOT_TESTABLE,
    NULL,
    OPPOSITE,
    SUPPORTED,
    Ruling,
    judge,
    judge_chain,
    judge_equivalence,
)


def judge_serial(case: Case) -> Judgement:
    """A chain by joint significance of its edges and the interval of their product."""
    claim, test, material, known = case.claim, case.test, case.material, case.known
    edges = [known[name] for name in claim.rule.edges]
    parts = tuple(
        Part(name, edge.model, edge.effect, edge.ruling.verdict, edge.limits)
        for name, edge in zip(claim.rule.edges, edges, strict=True)
    )
    product = material.find(test.model, test.effect, claim.rule.scale)
    gate = closed_by_model(test.model, material) or closed_by_effect(product, test.model, test.effect, material)
    gate += [
        f"The link {part.name} ({part.effect or 'not fitted'}) cannot be tested."
        for part in parts
        if part.verdict == NOT_TESTABLE
    ]
    if gate or product is None:
        return replace(closed(*gate), parts=parts)
    ruling = judge_chain([edge.ruling.verdict for edge in edges], product.limits, sign=claim.sign)
    weakest = min(
        zip(claim.rule.edges, edges, strict=True),
        key=lambda pair: (RANK[pair[1].ruling.verdict], pair[1].limits.low),
    )
    counts = [f"{part.name} {WORDS[part.verdict or INCONCLUSIVE]}" for part in parts]
    reasons = [
        f"Link by link: {', '.join(counts)}.",
        _product_sentence(product),
        f"The weakest link is {weakest[0]} ({weakest[1].effect}).",
    ]
    nulls = [edge.n_for_null for edge in edges if edge.n_for_null is not None]
    return Judgement(
        ruling,
        model=test.model,
        effect=test.effect,
        evidence=test.evidence,
        limits=product.limits,
        sesoi=material.decisions.value(claim.rule.sesoi),
        sesoi_unit=f"{material.decisions[claim.rule.sesoi].unit}, each link",
        unit=product.unit,
        level=product.level,
        n=product.n,
        p_found=largest([*(edge.p_found for edge in edges), product.p_against_zero()]),
        p_null=smallest_corrected([edge.p_null for edge in edges if edge.ruling.verdict == NULL], len(edges)),
        smallest_supported=largest([edge.smallest_supported for edge in edges]),
        n_for_null=min(nulls) if nulls else None,
        weakest=f"{weakest[0]} {weakest[1].effect}",
        reasons=tuple(reasons),
        parts=parts,
    )


def judge_mediated(case: Case) -> Judgement:
    """Whether an effect runs through a mediator and not past it, for at least one outcome."""
    claim, test, material, known = case.claim, case.test, case.material, case.known
    sesoi = material.decisions[claim.rule.sesoi]
    gate = closed_by_model(test.model, material)
    ways: list[tuple[Found, Found]] = []
    for target in claim.rule.targets:
        pair = [material.find(target.model, effect, claim.rule.scale) for effect in (target.indirect, target.direct)]
        for effect, one in zip((target.indirect, target.direct), pair, strict=True):
            gate = gate or closed_by_effect(one, target.model, effect, material)
        ways += [(pair[0], pair[1])] if pair[0] is not None and pair[1] is not None else []
    if gate:
        return closed(*gate)
    through = [indirect.limits.times(claim.sign).low > 0 for indirect, _ in ways]
    past = [judge(direct.limits, sign=claim.sign, sesoi=sesoi.value).verdict for _, direct in ways]
    first_link_null = any(known[name].ruling.verdict in CONTRADICTED for name in claim.rule.edges)
    if any(found and beside == NULL for found, beside in zip(through, past, strict=True)):
        verdict = SUPPORTED
    elif first_link_null or (
        SUPPORTED in past
        and all(judge(way.limits, sign=claim.sign, sesoi=sesoi.value).verdict in CONTRADICTED for way, _ in ways)
        and not any(through)
    ):
        verdict = NULL
    else:
        verdict = INCONCLUSIVE
    chosen = max(
        range(len(ways)), key=lambda i: (through[i] and past[i] == NULL, ways[i][0].limits.times(claim.sign).low)
    )
    indirect, _ = ways[chosen]
    parts = tuple(
        part
        for (way, beside), found, ruling in zip(ways, through, past, strict=True)
        for part in (
            Part("through", way.model, way.effect, SUPPORTED if found else INCONCLUSIVE, way.limits),
            Part("past", beside.model, beside.effect, ruling, beside.limits),
        )
    )
    first_links = [f"{name} is {WORDS[known[name].ruling.verdict]}" for name in claim.rule.edges]
    names = [claim.rule.word(way.effect) for way, _ in ways]
    alone = [ruling == NULL for ruling in past]
    both = [one and other for one, other in zip(through, alone, strict=True)]
    reasons = (
        f"An effect through the mediator is found on: {_chosen(names, through)}. An effect past it is practically zero "
        f"on: {_chosen(names, alone)}. Both hold for: {_chosen(names, both)}. The way into the mediator: "
        f"{', '.join(first_links)}.",
        f"The numbers shown are those of the clearest way, to: {names[chosen]}.",
    )
    judgement = from_found(indirect, Ruling(verdict), case, sesoi.value, f"{sesoi.unit}, for the path past it")
    p = min(1.0, len(ways) * indirect.p_against_zero())
    return replace(judgement, p_found=p, p_null=math.nan, n_for_null=None, reasons=reasons, parts=parts)


def judge_cancellation(case: Case) -> Judgement:
    """Two parts of opposite sign whose sum is practically zero."""
    claim, test, material = case.claim, case.test, case.material
    bound = material.decisions[claim.rule.sesoi]
    names = (*claim.rule.parts, claim.rule.total)
    found = [material.find(test.model, name, claim.rule.scale) for name in names]
    gate = closed_by_model(test.model, material)
    for name, one in zip(names, found, strict=True):
        gate = gate or closed_by_effect(one, test.model, name, material)
    if gate:
        return closed(*gate)
    first, second, total = (one for one in found if one is not None)
    signs = [side_of(part.limits) for part in (first, second)]
    kept = judge_equivalence(total.limits, bound=bound.value).verdict
    both_null = all(judge(part.limits, sign=1, sesoi=bound.value).verdict == NULL for part in (first, second))
    if signs[0] * signs[1] == -1 and kept == SUPPORTED:
        verdict = SUPPORTED
    elif signs[0] * signs[1] == 1 or kept == OPPOSITE:
        verdict = OPPOSITE
    elif both_null and 0 in signs:
        verdict = NULL
    else:
        verdict = INCONCLUSIVE
    side = {1: "is above zero", -1: "is below zero", 0: "cannot be told from zero"}
    told = [f"{claim.rule.word(part.effect)} {side[sign]}" for part, sign in zip((first, second), signs, strict=True)]
    reasons = (
        f"{told[0][:1].upper()}{told[0][1:]}, and {told[1]}; their total "
        f"{'lies' if kept == SUPPORTED else 'is not shown to lie'} inside ±{bound.value:g} {bound.unit}.",
    )
    judgement = from_found(total, Ruling(verdict), case, bound.value, bound.unit)
    evidence = [first.p_against_zero(), second.p_against_zero(), total.p_equivalence(bound.value)]
    weakest = names[max(range(3), key=lambda i: evidence[i])]
    return replace(
        judgement,
        p_found=largest(evidence) if verdict == SUPPORTED else math.nan,
        p_null=math.nan,
        smallest_supported=math.nan,
        weakest=weakest,
        reasons=reasons,
        parts=tuple(Part(one.effect, one.model, one.effect, None, one.limits) for one in (first, second, total)),
    )


def _chosen(names: list[str], chosen: list[bool]) -> str:
    return ", ".join(name for name, wanted in zip(names, chosen, strict=True) if wanted) or "none"


def _product_sentence(product: Found) -> str:
    side = side_of(product.limits)
    return f"The 95 % interval of the product {'includes' if side == 0 else 'excludes'} zero."
