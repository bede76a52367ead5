"""The atlas of equivalent models: every graph the data cannot tell from the fitted one, with its likelihood."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from kinechain.checks.plan import CheckResult, Study
from kinechain.graph import Graph, against_time, equivalent_graphs, graph_of
from kinechain.graph.equivalence import reversed_arrows
from kinechain.numerics.moments import Moments

MOST_LISTED = 120
"""Members shown for one model; the number of all is told beside."""


DEGENERATE = 1e-12
"""Share of a variance that rounding alone can leave."""


def check_atlas(study: Study) -> CheckResult:
    """Every Markov-equivalent graph of a model, its log-likelihood, what it would mean and what prunes it.

    Exogenous covariates keep their place: their arrows are not turned.

    Columns: model, member (1 is the fitted graph), arrows (of the segments only), reversed (arrows that run against the
    fitted graph), logl, difference (from the fitted graph's), df, meaning, pruned (why, or empty), n.
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
        for place, member in enumerate(members[:MOST_LISTED], start=1):
            turned = reversed_arrows(graph, member)
            own = [arrow for arrow in member.arrows if not set(arrow) & set(fixed)]
            logl = loglikelihood(member, moments, fixed)
            rows.append(
                (
                    name,
                    place,
                    "; ".join(f"{cause} -> {effect}" for cause, effect in own),
                    "; ".join(f"{cause} -> {effect}" for cause, effect in turned),
                    logl,
                    logl - base,
                    _degrees(member, fixed),
                    _meaning(graph, member, fixed),
                    _pruned(member, study),
                    moments.n,
                )
            )
        kept = sum(not row[8] for row in rows if row[0] == name)
        notes.append(
            f"{name}: {len(members)} equivalent graphs have one likelihood; {kept} of those listed remain after "
            "declared time order and instruments. One wave cannot tell forward from reverse."
        )
    columns = ["model", "member", "arrows", "reversed", "logl", "difference", "df", "meaning", "pruned", "n"]
    return CheckResult("atlas", pd.DataFrame(rows, columns=columns), tuple(notes))


def loglikelihood(graph: Graph, moments: Moments, fixed: tuple[str, ...]) -> float:
    """Normal log-likelihood of the nodes that are not fixed, given the fixed ones, at its maximum.

    A recursive graph without arcs among its free nodes factors into one regression a node, so that the maximum is in
    closed form: Wermuth (1980), doi 10.1080/01621459.1980.10477582.
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


def _pruned(member: Graph, study: Study) -> str:
    late = against_time(member, study.plan.time_order)
    if late:
        return "time order: " + "; ".join(f"{cause} -> {effect}" for cause, effect in late)
    bent = [name for name in study.plan.instruments if name in member.nodes and member.parents(name)]
    return f"instrument: {', '.join(bent)} would be caused by the chain" if bent else ""
