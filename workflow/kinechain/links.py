"""Effects that do not exist because they would multiply coefficients across a link that is not the identity.

A log-odds times a slope is the effect of nothing: it has no unit, and it changes when an unrelated cause is added
(non-collapsibility). MacKinnon & Dwyer (1993), Evaluation Review 17, 144-158.
"""

from __future__ import annotations

from collections.abc import Mapping

from kinechain.effect_plan import EffectPlan
from kinechain.fit import Fit


def effects_across_links(plan: EffectPlan, links: Mapping[str, str]) -> dict[str, str]:
    """Effects of the plan that do not exist -> why; empty where every link is the identity.

    links  outcome -> its link, for those whose link is not the identity
    """
    if not links:
        return {}
    equations = {row.label: {row.lhs} for row in plan.table.rows if row.label and row.op == "~"}
    absent: dict[str, str] = {}
    for effect in plan.effects:
        if effect.expression is not None:
            crossed = set().union(*(equations.get(name, set()) for name in effect.expression.names))
            equations[effect.name] = crossed
        elif effect.kind in ("total", "total_indirect"):
            crossed = _outcomes_between(plan, effect.group, effect.rhs, effect.lhs)
        elif effect.path:
            crossed = set(effect.path[1:])
        elif effect.terms:
            lost = [name for name in (plan.names[other] for other, _ in effect.terms) if name in absent]
            if lost:
                absent[effect.name] = f"`{lost[0]}` does not exist: {absent[lost[0]]}"
            continue
        else:
            continue
        if len(crossed) > 1 and crossed & set(links):
            names = ", ".join(f"`{name}` ({links[name]})" for name in sorted(crossed & set(links)))
            absent[effect.name] = f"coefficients of {names} cannot be multiplied with those of another equation"
    return absent


def undefined_of(fit: Fit, plan: EffectPlan) -> dict[str, str]:
    """Everything the fit does not define -> why: measures, standardisation, and effects across links."""
    return {**fit.undefined, **effects_across_links(plan, fit.links)}


def _outcomes_between(plan: EffectPlan, group: int, source: str, outcome: str) -> set[str]:
    """Outcomes of the equations on any directed route from source to outcome."""
    arrows = plan.arrows[group - 1]

    def reach(start: str, *, forward: bool) -> set[str]:
        seen, todo = {start}, [start]
        while todo:
            here = todo.pop()
            ends = (to if forward else of for to, of in arrows if (of if forward else to) == here)
            for end in ends:
                if end not in seen:
                    seen.add(end)
                    todo.append(end)
        return seen

    return (reach(source, forward=True) & reach(outcome, forward=False)) - {source}
