"""What must, may and must not be adjusted for."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from kinechain.graph.dag import Graph
from kinechain.graph.separation import find_separator, is_separated

MOST_SETS = 200
"""Minimal adjustment sets that are listed; a graph with more is too large to read anyway."""


def on_causal_paths(graph: Graph, exposure: str, outcome: str) -> tuple[str, ...]:
    """Nodes on arrow paths from exposure to outcome, the outcome in, the exposure out."""
    below = {*graph.descendants(exposure)}
    above = {*graph.ancestors(outcome), outcome}
    return tuple(node for node in graph.nodes if node in below & above)


def forbidden_for_total(graph: Graph, exposure: str, outcome: str) -> tuple[str, ...]:
    """What an adjustment for the total effect must leave alone: nodes on causal paths and whatever they cause."""
    on_path = on_causal_paths(graph, exposure, outcome)
    bad = {*on_path, *(below for node in on_path for below in graph.descendants(node))}
    return tuple(node for node in graph.nodes if node in bad)


def forbidden_for_path(graph: Graph, outcome: str) -> tuple[str, ...]:
    """What an adjustment for a single path must leave alone: whatever the outcome causes."""
    return graph.descendants(outcome)


def is_adjustment_set(graph: Graph, exposure: str, outcome: str, given: Collection[str]) -> bool:
    """Whether adjusting for `given` identifies the total effect.

    It holds no node on a causal path or caused by one, and blocks every other path: the adjustment criterion of
    Shpitser, VanderWeele & Robins (2010), which the back-door rule is a part of (Pearl 2009, definition 3.3.1).
    """
    allowed = set(given).isdisjoint((*forbidden_for_total(graph, exposure, outcome), *graph.unseen, exposure, outcome))
    return allowed and is_separated(_without_causal_starts(graph, exposure, outcome), exposure, outcome, given)


def is_single_door_set(graph: Graph, exposure: str, outcome: str, given: Collection[str]) -> bool:
    """Whether adjusting for `given` identifies the coefficient of one arrow (Pearl 2009, theorem 5.3.1)."""
    allowed = set(given).isdisjoint((*forbidden_for_path(graph, outcome), *graph.unseen, exposure, outcome))
    return allowed and is_separated(graph.without([(exposure, outcome)]), exposure, outcome, given)


def minimal_adjustment_sets(graph: Graph, exposure: str, outcome: str) -> tuple[tuple[str, ...], ...]:
    """Every adjustment set for the total effect of which no member can be spared, smallest first.

    Empty when no measured set identifies the effect; a set of nothing, `()`, when none is needed. At most MOST_SETS.
    """
    forbidden = forbidden_for_total(graph, exposure, outcome)
    return _minimal_separators(_without_causal_starts(graph, exposure, outcome), exposure, outcome, forbidden)


def minimal_single_door_sets(graph: Graph, exposure: str, outcome: str) -> tuple[tuple[str, ...], ...]:
    """Every set that identifies one arrow's coefficient and of which no member can be spared, smallest first."""
    forbidden = forbidden_for_path(graph, outcome)
    return _minimal_separators(graph.without([(exposure, outcome)]), exposure, outcome, forbidden)


def bad_controls(graph: Graph, exposure: str, outcome: str, given: Iterable[str], *, total: bool) -> dict[str, str]:
    """Members of an adjustment set that must not be in it: name -> why, in words.

    total  True for the total effect, False for the coefficient of the arrow from exposure to outcome
    """
    why: dict[str, str] = {}
    on_path = on_causal_paths(graph, exposure, outcome)
    for name in given:
        if name in graph.descendants(outcome):
            why[name] = f"`{name}` is a descendant of `{outcome}`; holding it bends the effect you ask for"
        elif total and name in on_path:
            why[name] = (
                f"`{name}` lies on the way from `{exposure}` to `{outcome}`; holding it blocks part of the effect"
            )
        elif total and name in forbidden_for_total(graph, exposure, outcome):
            why[name] = f"`{name}` is a descendant of a mediator; holding it blocks part of the effect you ask for"
        elif name in graph.unseen:
            why[name] = f"`{name}` was not measured"
    return why


def _without_causal_starts(graph: Graph, exposure: str, outcome: str) -> Graph:
    on_path = set(on_causal_paths(graph, exposure, outcome))
    return graph.without([(exposure, child) for child in graph.children(exposure) if child in on_path])


def _minimal_separators(graph: Graph, one: str, other: str, forbidden: Collection[str]) -> tuple[tuple[str, ...], ...]:
    """All minimal separators, by branching on whether a member of the one found may be used."""
    found: dict[tuple[str, ...], None] = {}

    def search(included: frozenset[str], allowed: frozenset[str]) -> None:
        if len(found) >= MOST_SETS:
            return
        separator = find_separator(graph, one, other, included=included, restricted=allowed)
        if separator is None:
            return
        if all(not is_separated(graph, one, other, set(separator) - {node}) for node in separator):
            found.setdefault(separator)
        free = next((node for node in separator if node not in included), None)
        if free is not None:
            search(included | {free}, allowed)
            search(included, allowed - {free})

    search(frozenset(), frozenset(graph.nodes) - frozenset(forbidden) - frozenset(graph.unseen) - {one, other})
    place = {node: i for i, node in enumerate(graph.nodes)}
    return tuple(sorted(found, key=lambda names: (len(names), [place[name] for name in names])))
