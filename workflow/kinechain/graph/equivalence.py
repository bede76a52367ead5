"""Graphs that no data of this kind can tell apart: the Markov equivalence class."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from itertools import combinations

import networkx as nx

from kinechain.graph.dag import Graph

MOST_GRAPHS = 5_000
"""Members of a class that are listed."""


def colliders(graph: Graph) -> frozenset[tuple[str, str, str]]:
    """Unshielded colliders as (one, middle, other): two causes of a node that nothing joins."""
    return frozenset(
        (one, node, other)
        for node in graph.nodes
        for one, other in combinations(graph.parents(node), 2)
        if not graph.adjacent(one, other)
    )


def equivalent_graphs(graph: Graph, fixed: Collection[str] = ()) -> tuple[Graph, ...]:
    """All graphs with the same skeleton and the same unshielded colliders, the given one first.

    fixed  nodes whose arrows keep their direction: exogenous variables, which a model takes as given

    Such graphs imply the same independences, so that for linear models with free coefficients every one of them has
    the same log-likelihood (Verma & Pearl 1990). Only for graphs whose arcs join `fixed` nodes: with a residual
    correlation the class is not known by these rules, and ValueError is raised. At most MOST_GRAPHS.
    """
    if any(not {one, other} <= set(fixed) for one, other in graph.arcs):
        raise ValueError("the equivalence class of a graph with residual correlations is not enumerated")
    wanted = colliders(graph)
    free = [arrow for arrow in graph.arrows if not set(arrow) & set(fixed)]
    kept = [arrow for arrow in graph.arrows if set(arrow) & set(fixed)]
    joined = {frozenset(pair) for pair in (*graph.arrows, *graph.arcs)}
    members: list[Graph] = []

    def search(decided: list[tuple[str, str]], left: list[tuple[str, str]]) -> None:
        if len(members) >= MOST_GRAPHS or not _may_go_on(decided, kept, wanted, joined):
            return
        if not left:
            candidate = Graph(graph.nodes, _in_order(graph, [*kept, *decided]), graph.arcs, graph.unseen)
            if colliders(candidate) == wanted:
                members.append(candidate)
            return
        cause, effect = left[0]
        search([*decided, (cause, effect)], left[1:])
        search([*decided, (effect, cause)], left[1:])

    search([], free)
    return tuple(members)


def reversed_arrows(graph: Graph, other: Graph) -> tuple[tuple[str, str], ...]:
    """Arrows of `other` that run against `graph`."""
    return tuple(arrow for arrow in other.arrows if arrow[::-1] in set(graph.arrows))


def against_time(graph: Graph, order: Iterable[Collection[str]]) -> tuple[tuple[str, str], ...]:
    """Pairs (cause, effect) whose arrows lead, directly or through others, from a later tier to an earlier one.

    order  tiers, earliest first, each a collection of names; nodes in no tier are free
    """
    tier = {name: place for place, names in enumerate(order) for name in names}
    return tuple(
        (cause, effect)
        for cause in graph.nodes
        if cause in tier
        for effect in graph.descendants(cause)
        if effect in tier and tier[cause] > tier[effect]
    )


def _may_go_on(
    decided: list[tuple[str, str]],
    kept: list[tuple[str, str]],
    wanted: frozenset[tuple[str, str, str]],
    joined: set[frozenset[str]],
) -> bool:
    """Whether arrows decided so far have no cycle and no collider that the class lacks."""
    if not decided:
        return True
    arrows = [*kept, *decided]
    allowed = {(frozenset((one, other)), middle) for one, middle, other in wanted}
    last = decided[-1]
    for cause, effect in arrows:
        pair = frozenset((cause, last[0]))
        unshielded = effect == last[1] and cause != last[0] and pair not in joined
        if unshielded and (pair, effect) not in allowed:
            return False
    graph = nx.DiGraph(arrows)
    return not nx.has_path(graph, last[1], last[0])


def _in_order(graph: Graph, arrows: list[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Arrows in the order their pair has in the given graph, so that members compare line by line."""
    by_pair = {frozenset(arrow): arrow for arrow in arrows}
    return tuple(by_pair[frozenset(arrow)] for arrow in graph.arrows)
