"""Check of the ledger of claims against the study: mistakes are told before anything is fitted."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from kinechain.decisions import FILE as DECISIONS
from kinechain.decisions import Decisions
from kinechain.errors import Problem, UserError, closest
from kinechain.evidence.claim import FILE, Claim, claim_problems
from kinechain.spec import ModelSpec
from kinechain.syntax import place_of

TOTAL = ", total"
"""How a claim's `effect` ends when it is about a total effect."""


def check_claims(
    claims: Sequence[Claim],
    decisions: Decisions,
    models: Mapping[str, ModelSpec],
    constructs: Collection[str],
    units: Mapping[str, str] | None = None,
    owners: Mapping[str, str] | None = None,
    *,
    reference: str = "",
    named: Collection[str] = (),
) -> list[Problem]:
    """Everything wrong with the claims, each with the place to change; empty when they can be judged.

    models      models of the study, macros written out; a test that names another model waits until it is listed
    constructs  names that a cohort may have: constructs and measures of config/measures.yaml
    units       outcome measure or construct -> its unit, for claims judged in raw units; None to leave that unchecked
    owners      measure -> construct it stands for, for smallest effects named after a measure
    reference   model whose graph says what comes after what; "" to leave adjustment sets unchecked
    named       every model that has a file, and every analysis that is none; empty to leave names unchecked

    Refused are a claim about an unknown construct or of a model that is nowhere, a model without the effect it is asked
    for, a smallest effect without a scale or on another scale, rules that read one another in a circle, a cycle in a
    model, adjusting for a descendant of the outcome, and an effect asked in units its measure does not have.
    """
    problems = claim_problems(tuple(claims), decisions) + _units(decisions, units or {})
    for claim in claims:
        where = f"{FILE}: {claim.id}"
        problems += [
            Problem(where, f"`{model}` is no model", closest(model, named, "config/models"))
            for model in dict.fromkeys((*(test.model for test in claim.tests), *claim.rule.models))
            if named and model not in named
        ]
        problems += [
            Problem(
                where,
                f"`needs` names `{name}`, which is no construct",
                closest(name, constructs, "config/measures.yaml"),
            )
            for name in claim.needs
            if name not in constructs
        ]
        problems += _tests(claim, models, where)
        problems += _unit(claim, decisions, units, owners or {}, where)
        problems += _adjustment(claim, models, reference)
    for spec in models.values():
        problems += model_graph_problems(spec)
    return problems


def model_graph_problems(spec: ModelSpec) -> list[Problem]:
    """What a model's graph forbids: a cycle, or a covariate that the model makes a consequence of the outcome."""
    from kinechain.graph import bad_controls, graph_of

    try:
        graph = graph_of(spec)
    except UserError as error:
        return list(error.problems)
    problems: list[Problem] = []
    for cause, effect in graph.arrows:
        if cause in spec.covariates or cause in graph.unseen or effect in graph.unseen:
            continue
        others = [name for name in graph.parents(effect) if name != cause]
        for reason in bad_controls(graph, cause, effect, others, total=False).values():
            place = place_of(spec.flat, effect, cause, spec.where)
            problems.append(Problem(place, f"{reason} ({cause} -> {effect})", "Take it out of that equation"))
    return problems


def effects_of(spec: ModelSpec) -> tuple[str, ...]:
    """Names of every effect a model will have in its effect table."""
    from kinechain.effect_plan import plan_effects

    return plan_effects(spec.table, spec.covariates, spec.contrasts).names


def _tests(claim: Claim, models: Mapping[str, ModelSpec], where: str) -> list[Problem]:
    # Effects over visits and of arms are named by the analysis of visits and arms, which no model text lists.
    tests = [test for test in claim.tests if test.evidence == "cross_sectional"]
    asked = [(test.model, test.effect) for test in tests if test.effect]
    own = [*claim.rule.effects, *claim.rule.parts, *([claim.rule.total] if claim.rule.total else [])]
    asked += [(test.model, effect) for test in tests for effect in own]
    asked += [(target.model, effect) for target in claim.rule.targets for effect in (target.indirect, target.direct)]
    asked += [
        (model, effect) for pair in claim.rule.pairs for model in (pair.before, pair.after) for effect in pair.effects
    ]
    problems: list[Problem] = []
    for model, effect in dict.fromkeys(asked):
        if model not in models:
            continue
        known = effects_of(models[model])
        if effect not in known:
            what = f"the model `{model}` cannot test the claim: it has no effect `{effect}`"
            problems.append(Problem(where, what, closest(effect, known) or "Name one of its effects"))
    return problems


def _adjustment(claim: Claim, models: Mapping[str, ModelSpec], reference: str) -> list[Problem]:
    """Controls of a claim's own equation that come after its outcome or, for a total effect, after its exposure."""
    if reference not in models:
        return []
    from kinechain.graph import bad_controls, graph_of

    try:
        graph = graph_of(models[reference])
    except UserError:
        return []  # the cycle is told where the model is checked
    problems: list[Problem] = []
    for test in claim.tests:
        outcome, found, cause = test.effect.partition("~")
        spec = models.get(test.model)
        if not found or spec is None or test.model == reference or not {outcome, cause} <= set(graph.nodes):
            continue
        held = [row.rhs for row in spec.table.rows if row.op == "~" and row.lhs == outcome and row.rhs != cause]
        known = [name for name in held if name in graph.nodes]
        total = claim.effect.endswith(TOTAL)
        for reason in bad_controls(graph, cause, outcome, known, total=total).values():
            place = place_of(spec.flat, outcome, cause, spec.where)
            problems.append(Problem(place, f"{reason} ({claim.id}: {test.effect})", "Take it out of that equation"))
    return problems


DIFFERENCES = {"percentage points": "percent"}
"""Units of differences that have another name than the unit of what differs."""


def _units(decisions: Decisions, units: Mapping[str, str]) -> list[Problem]:
    """Decisions named after a measure, as in `sesoi.<measure>`, in a unit that the measure does not have."""
    problems: list[Problem] = []
    for name, decision in decisions.entries.items():
        measure = name.partition(".")[2]
        unit = DIFFERENCES.get(decision.unit, decision.unit).partition(" of ")[0]
        if measure in units and unit != units[measure].partition(" of ")[0]:
            what = f"it is in {decision.unit}, but `{measure}` is measured in {units[measure]}"
            problems.append(Problem(f"{DECISIONS}: {name}", what, "Write it in the measure's own unit"))
    return problems


def _unit(
    claim: Claim, decisions: Decisions, units: Mapping[str, str] | None, owners: Mapping[str, str], where: str
) -> list[Problem]:
    """A raw smallest effect is named after the measure it belongs to, as in `sesoi.<measure>`."""
    if units is None or claim.rule.scale != "raw" or claim.rule.sesoi not in decisions or claim.rule.kind == "share":
        return []
    measure = claim.rule.sesoi.partition(".")[2]
    if measure not in units:
        return [
            Problem(
                where, f"`{claim.rule.sesoi}` belongs to no measure", closest(measure, units, "config/measures.yaml")
            )
        ]
    if owners.get(measure) and owners[measure] not in claim.needs:
        what = f"`{claim.rule.sesoi}` is about {owners[measure]}, which the claim does not speak of"
        return [Problem(where, what, f"Name the smallest effect of a measure of {' or '.join(claim.needs)}")]
    return []
