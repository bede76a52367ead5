"""The atlas of equivalent models: every graph the data cannot tell from the fitted one, with its likelihood."""

from __future__ import annotations

import math
from collections.abc import Collection

import numpy as np
import pandas as pd

from kinechain.checks.plan import CheckResult, Instrument, Study
from kinechain.cohort import place_of_visit
from kinechain.graph import Graph, against_time, equivalent_graphs, graph_of
from kinechain.graph.equivalence import reversed_arrows
from kinechain.numerics.fit_indices import beyond_rounding
from kinechain.numerics.moments import Moments

MOST_LISTED = 120
"""Members shown for one model; the number of all is told beside."""


DEGENERATE = 1e-12
"""Share of a variance that rounding alone can leave."""


def check_atlas(study: Study) -> CheckResult:
    """Every Markov-equivalent graph of a model, its log-likelihood, what it would mean and what prunes it.

    Exogenous covariates keep their place: their arrows are not turned. A member is pruned by time when something later,
    by the declared order or by the visits, causes something earlier. A declared instrument is a variable assumed to
    reach some segments and, but through these, no other. Drawn into every member it makes graphs of members that data
    can tell apart; a member is pruned when its BIC is then decisively above the best member's.

    Columns: model, member (1 is the fitted graph), arrows (of the segments only), reversed (arrows that run against the
    fitted graph), logl, difference (from the fitted graph's), df, meaning, pruned (why, or empty), n, instrument,
    bic_with_instrument (above the best member's; NaN without one), n_with_instrument.
    """
    rows = []
    notes: list[str] = []
    for name in study.plan.atlas_models:
        spec = study.models.get(name)
        if spec is None:
            notes.append(f"The model {name} is not fitted to this cohort.")
            continue
        graph = graph_of(spec)
        fixed = spec.table.exogenous
        if any(not {one, other} <= set(fixed) for one, other in graph.arcs):
            notes.append(f"{name} has residual correlations; its equivalence class is not enumerated.")
            continue
        members = equivalent_graphs(graph, fixed)
        moments = study.moments(tuple(node for node in graph.nodes if node not in graph.unseen))
        base = loglikelihood(graph, moments, fixed)
        handle = instrument_for(graph, fixed, study)
        excess, people = _with_instrument(members, handle, fixed, study)
        listed = members[:MOST_LISTED]
        late = [_late(member, study) for member in listed]
        why = [_pruned(pairs, handle, above, study) for pairs, above in zip(late, excess, strict=False)]
        for place, member in enumerate(listed):
            turned = reversed_arrows(graph, member)
            own = [arrow for arrow in member.arrows if not set(arrow) & set(fixed)]
            logl = loglikelihood(member, moments, fixed)
            rows.append(
                (
                    name,
                    place + 1,
                    "; ".join(f"{cause} -> {effect}" for cause, effect in own),
                    "; ".join(f"{cause} -> {effect}" for cause, effect in turned),
                    logl,
                    beyond_rounding(logl, base),
                    _degrees(member, fixed),
                    _meaning(graph, member, fixed),
                    why[place],
                    moments.n,
                    handle.name if handle else "",
                    excess[place],
                    people,
                )
            )
        notes.append(_class_sentence(name, len(members), graph, study))
        if len(members) > len(listed):
            notes.append(f"The first {len(listed)} of them are listed and told of here.")
        if len(members) > 1:
            notes.append(_time_sentence(late, set(graph.nodes) - set(fixed), study))
        if len(members) > 1 and handle is not None:
            notes.append(_instrument_sentence(handle, why.count(""), late.count(())))
    columns = ["model", "member", "arrows", "reversed", "logl", "difference", "df", "meaning", "pruned", "n"]
    columns += ["instrument", "bic_with_instrument", "n_with_instrument"]
    return CheckResult("atlas", pd.DataFrame(rows, columns=columns), tuple(notes))


def instrument_for(graph: Graph, fixed: tuple[str, ...], study: Study) -> Instrument | None:
    """The first declared instrument that the cohort has, that the model lacks, and whose segments the model has."""
    for one in study.plan.instruments:
        segments = set(graph.nodes) - set(fixed)
        if one.name not in graph.nodes and set(one.reaches) <= segments and study.has((one.name, *graph.nodes)):
            return one
    return None


def _with_instrument(
    members: tuple[Graph, ...], handle: Instrument | None, fixed: tuple[str, ...], study: Study
) -> tuple[list[float], int | None]:
    """BIC of every member with the instrument drawn in, above the smallest, and the people it rests on.

    All members have as many free parameters, so that BIC differs by twice the log-likelihood alone.
    """
    if handle is None:
        return [math.nan] * len(members), None
    drawn = [_draw_in(member, handle) for member in members]
    moments = study.moments(drawn[0].nodes)
    logl = [loglikelihood(member, moments, (*fixed, handle.name)) for member in drawn]
    return [2 * (max(logl) - one) for one in logl], moments.n


def _draw_in(graph: Graph, handle: Instrument) -> Graph:
    arrows = tuple((handle.name, segment) for segment in handle.reaches)
    return Graph((handle.name, *graph.nodes), (*arrows, *graph.arrows), graph.arcs, graph.unseen)


def loglikelihood(graph: Graph, moments: Moments, fixed: tuple[str, ...]) -> float:
    """Normal log-likelihood of the nodes that are not fixed, given the fixed ones, at its maximum.

    A recursive graph without arcs among its free nodes factors into one regression a node, so that the maximum is in
    closed form: Wermuth (1980), doi 10.1080/01621459.1980.10477582.

    Raises LinAlgError for a node that its causes explain to the last digit.
    """
    total = 0.0
    for node in graph.nodes:
        if node in fixed:
            continue
        chosen = moments.select((node, *graph.parents(node)))
        S = chosen.covariance
        explained = S[1:, 0] @ np.linalg.solve(S[1:, 1:], S[1:, 0]) if len(S) > 1 else 0.0
        left = S[0, 0] - explained
        if left <= DEGENERATE * S[0, 0]:
            raise np.linalg.LinAlgError(f"`{node}` is explained by its causes to the last digit")
        total += -0.5 * moments.n * (math.log(2 * math.pi) + math.log(left) + 1)
    return total


def _degrees(graph: Graph, fixed: tuple[str, ...]) -> int:
    """Pairs with a free end that no arrow joins."""
    free = len(graph.nodes) - len(fixed)
    pairs = free * (free - 1) // 2 + free * len(fixed)
    return pairs - len(graph.arrows)


def _meaning(graph: Graph, member: Graph, fixed: tuple[str, ...]) -> str:
    own = [node for node in member.nodes if node not in fixed]
    starts = [node for node in own if not set(member.parents(node)) - set(fixed)]
    ends = [node for node in own if not set(member.children(node)) - set(fixed)]
    turned = reversed_arrows(graph, member)
    if not turned:
        return "as fitted"
    if len(turned) == len([arrow for arrow in graph.arrows if not set(arrow) & set(fixed)]):
        return f"everything runs the other way, from {', '.join(starts)} to {', '.join(ends)}"
    return f"{', '.join(starts)} is the source from which the others follow, toward {', '.join(ends)}"


def _late(member: Graph, study: Study) -> tuple[tuple[str, str], ...]:
    """Pairs (cause, effect) of which the cause comes later: by the declared order, or at a later visit."""
    return tuple(dict.fromkeys(pair for order in _orders(member.nodes, study) for pair in against_time(member, order)))


def _orders(names: Collection[str], study: Study) -> tuple[list[set[str]], list[set[str]]]:
    """What time says of some variables, earliest first: the tiers of the declared order, and those of the visits."""
    visits, plain = study.cohort.visits, study.cohort.plain
    seen = [{name for name in names if place_of_visit(name, visits, plain) == place} for place in range(len(visits))]
    declared = [set(names) & set(tier) for tier in study.plan.time_order]
    return [tier for tier in declared if tier], [tier for tier in seen if tier]


def _pruned(late: tuple[tuple[str, str], ...], handle: Instrument | None, excess: float, study: Study) -> str:
    if late:
        return "time order: " + "; ".join(f"{cause} -> {effect}" for cause, effect in late)
    if handle is not None and excess > study.decisions.value("bic.decisive"):
        return f"instrument: {handle.name}, BIC {excess:.1f} above the best"
    return ""


def _class_sentence(name: str, members: int, graph: Graph, study: Study) -> str:
    if members == 1:
        return f"{name}: no other graph has its likelihood whatever the data."
    _, seen = _orders(graph.nodes, study)
    what = "One wave" if len(seen) < 2 else "The likelihood"
    return f"{name}: {members} equivalent graphs have one likelihood. {what} cannot tell them apart."


def _time_sentence(late: list[tuple[tuple[str, str], ...]], segments: set[str], study: Study) -> str:
    """Which members time prunes, each with what would run backward in it; or why time prunes none."""
    backward = [
        f"{place} ({', '.join(f'{cause} -> {effect}' for cause, effect in pairs)})"
        for place, pairs in enumerate(late, 1)
        if pairs
    ]
    if backward:
        return (
            f"Time prunes {len(backward)} of {len(late)}, in which something later would act on something earlier: "
            f"{'; '.join(backward)}."
        )
    if all(len(order) < 2 for order in _orders(segments, study)):
        return (
            "Time prunes none of them: neither `time_order` nor visits put one segment before another, and arrows of "
            "covariates are never turned."
        )
    return "Time prunes none of them: in none would something later act on something earlier."


def _instrument_sentence(handle: Instrument, kept: int, left: int) -> str:
    start = (
        f"If {handle.name} reaches {' and '.join(handle.reaches)} and, but through these, no other segment, which is "
        f"assumed and cannot be seen here, {kept} of {left} remain"
    )
    if kept == left:
        return f"{start}: with it drawn in, none fits clearly worse than another."
    implied = "unrelated to segments to which it is related, or related where it is not"
    return f"{start}: the others imply that it is {implied}."
