"""Check of config/checks.yaml against the study: mistakes are told before anything is put under stress."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from kinechain.checks.plan import FILE, CheckPlan, Question, parse_plan
from kinechain.decisions import FILE as DECISIONS
from kinechain.decisions import Decisions
from kinechain.errors import Problem, UserError, closest
from kinechain.spec import ModelSpec, build_spec

if TYPE_CHECKING:
    from kinechain.graph import Graph

MEASURES = "config/measures.yaml"
MACROS = "config/config.yaml"
CLAIMS = "config/claims.yaml"
ARM = "arm"
"""What variables that mark an arm begin with."""
LISTS = ("negative_controls", "splines", "moderation", "natural_effects")


def check_questions(
    content: Mapping[str, Any],
    paths: Mapping[str, str],
    models: Mapping[str, ModelSpec],
    known: Collection[str],
    units: Mapping[str, str],
    decisions: Decisions,
    macros: Mapping[str, str],
    named: Collection[str] = (),
) -> list[Problem]:
    """`plan_problems` for the content of config/checks.yaml; a claim that is not there or has no path is one too."""
    lost = [claim for claim in content["edges"] if "~" not in paths.get(claim, "")]
    if lost:
        remedy = "Name claims whose first test has an effect `y~x`"
        return [
            Problem(FILE, f"`edges` names `{claim}`, a claim about no single path", remedy)
            if claim in paths
            else Problem(FILE, f"`edges` names `{claim}`, which is no claim", closest(claim, paths, CLAIMS))
            for claim in lost
        ]
    return plan_problems(parse_plan(content, paths), models, known, units, decisions, macros, named)


def plan_problems(
    plan: CheckPlan,
    models: Mapping[str, ModelSpec],
    known: Collection[str],
    units: Mapping[str, str],
    decisions: Decisions,
    macros: Mapping[str, str],
    named: Collection[str] = (),
) -> list[Problem]:
    """Mistakes in config/checks.yaml: unknown names, models without the path, an effect in units its measure lacks, an
    adjustment for what the exposure or the outcome causes.

    models  models of the study, macros written out; what is asked of another model waits until it is listed
    known   constructs and measures a cohort may have
    units   construct or measure -> unit; a name without one is not checked
    macros  named sets of covariates
    named   every model that has a file; empty to leave names unchecked
    """
    problems = [*_model_problems(plan, models, named), *_time_problems(plan.time_order, known)]
    problems += [
        _unknown("instruments", name, known)
        for instrument in plan.instruments
        for name in (instrument.name, *instrument.reaches)
        if name not in known
    ]
    problems += [
        _unknown("alternatives", name, known)
        for construct, others in (plan.alternatives or {}).items()
        for name in (construct, *others)
        if name not in known
    ]
    graph = _graph(plan.main_model, models)
    for key, question in _questions(plan):
        problems += [_unknown(key, name, known) for name in question.needs if name not in known]
        problems += _decision_problems(key, question, units, decisions)
        problems += _adjustment_problems(key, question, known, macros, graph)
    return problems


def _unknown(key: str, name: str, known: Collection[str]) -> Problem:
    return Problem(FILE, f"`{key}` names `{name}`, which is no construct or measure", closest(name, known, MEASURES))


def _questions(plan: CheckPlan) -> list[tuple[str, Question]]:
    """Every question with the key it stands under."""
    asked = [(key, question) for key in LISTS for question in getattr(plan, key)]
    return asked + [(key, one) for key in ("total", "threshold") if (one := getattr(plan, key)) is not None]


def _model_problems(plan: CheckPlan, models: Mapping[str, ModelSpec], named: Collection[str]) -> Iterator[Problem]:
    """Models that are nowhere, and effects that the main model does not have."""
    for key, model in (("main_model", plan.main_model), *(("atlas_models", name) for name in plan.atlas_models)):
        if named and model not in named:
            yield Problem(FILE, f"`{key}` names `{model}`, which is no model", closest(model, named, "config/models"))
    if plan.main_model not in models:
        return
    table = models[plan.main_model].table
    written = {(row.lhs, row.rhs) for row in table.rows if row.op == "~"}
    for outcome, cause in plan.edges:
        if (outcome, cause) not in written:
            what = f"`edges` asks for {outcome}~{cause}, which is no path of `{plan.main_model}`"
            yield Problem(FILE, what, "Name claims whose paths the main model has")
    defined = [row.lhs for row in models[plan.main_model].flat if row.op == ":="]
    if plan.product and plan.product not in defined:
        what = f"`product` names `{plan.product}`, which `{plan.main_model}` does not define"
        yield Problem(FILE, what, closest(plan.product, defined) or "Name one of its `effects`")


def _time_problems(order: Sequence[Sequence[str]], known: Collection[str]) -> Iterator[Problem]:
    """Names of the order of time that nothing bears, or that stand in two tiers; `name_visit` is a name at a visit."""
    listed = [name for tier in order for name in tier]
    for name in dict.fromkeys(listed):
        if not _is_known(name, known):
            yield _unknown("time_order", name, known)
        if listed.count(name) > 1:
            yield Problem(FILE, f"`time_order` names `{name}` more than once", "Let each name stand in one tier")


def _is_known(name: str, known: Collection[str]) -> bool:
    return name in known or any(name.startswith(f"{one}_") for one in (*known, ARM))


def _decision_problems(
    key: str, question: Question, units: Mapping[str, str], decisions: Decisions
) -> Iterator[Problem]:
    """Decisions that are not there, or in a unit that the exposure does not have."""
    for decision in (name for name in (question.at, question.contrast) if name):
        if decision not in decisions:
            remedy = closest(decision, decisions.entries, DECISIONS)
            yield Problem(FILE, f"`{key}` asks for the decision `{decision}`, which is not there", remedy)
            continue
        unit, own = decisions[decision].unit, units.get(question.exposure, "")
        if own and unit != own:
            what = f"`{key}` asks for {decision} in {unit}, but `{question.exposure}` is measured in {own}"
            yield Problem(FILE, what, f"Name a decision in {own}, or another exposure")


def _adjustment_problems(
    key: str, question: Question, known: Collection[str], macros: Mapping[str, str], graph: Graph | None
) -> Iterator[Problem]:
    """Covariates that are nowhere, and those that the main model makes a consequence of exposure or outcome."""
    from kinechain.graph import bad_controls

    terms = re.findall(r"\w+", question.adjust)
    lost = [name for name in terms if name not in macros and not _is_known(name, known)]
    for name in lost:
        what = f"`{key}` adjusts for `{name}`, which is no construct, measure or macro"
        yield Problem(FILE, what, closest(name, [*known, *macros], f"{MEASURES} and {MACROS}"))
    ends = {question.exposure, question.outcome}
    if lost or not question.adjust or graph is None or not ends <= set(graph.nodes):
        return
    text = {"name": "adjust", "equations": f"{question.outcome} ~ {question.adjust}"}
    try:
        rows = build_spec(text, macros, None, FILE).flat
    except UserError:
        return  # macros that name one another in a circle are told where config is checked
    held = [row.rhs for row in rows if row.op == "~" and row.rhs in graph.nodes]
    for reason in bad_controls(graph, question.exposure, question.outcome, held, total=True).values():
        yield Problem(FILE, f"`{key}`: {reason} ({question.text})", "Take it out of `adjust`")


def _graph(model: str, models: Mapping[str, ModelSpec]) -> Graph | None:
    from kinechain.graph import graph_of

    try:
        return graph_of(models[model]) if model in models else None
    except UserError:
        return None  # the cycle is told where the model is checked
