"""d-separation, and the independences a graph implies."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import combinations

import networkx as nx

from kinechain.graph.dag import Graph


@dataclass(frozen=True, slots=True)
class Independence:
    """Two variables that a graph holds apart, given some others."""

    one: str
    other: str
    given: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.one} ⊥ {self.other}" + (f" | {', '.join(self.given)}" if self.given else "")


def is_separated(graph: Graph, one: str, other: str, given: Collection[str] = ()) -> bool:
    """Whether `given` blocks every path between two nodes; arcs count as unmeasured common causes.

    Pearl (2009), Causality, definition 1.2.3.
    """
    return bool(nx.is_d_separator(with_hidden_causes(graph), {one}, {other}, set(given)))


def find_separator(
    graph: Graph, one: str, other: str, *, included: Iterable[str] = (), restricted: Iterable[str] | None = None
) -> tuple[str, ...] | None:
    """A minimal set of measured nodes that separates two nodes, or None when none does.

    included    nodes it must hold
    restricted  nodes it may hold; all measured ones by default

    van der Zander, Liskiewicz & Textor (2019), doi 10.1016/j.artint.2018.12.006.
    """
    allowed = set(graph.nodes if restricted is None else restricted) - set(graph.unseen) - {one, other}
    wanted = set(included)
    if not wanted <= allowed:
        return None
    found = nx.find_minimal_d_separator(
        with_hidden_causes(graph), {one}, {other}, included=wanted, restricted=allowed | wanted
    )
    return None if found is None else tuple(node for node in graph.nodes if node in found)


def implied_independences(graph: Graph) -> tuple[Independence, ...]:
    """One independence for each pair of measured nodes that some measured set separates.

    The given set is the parents of both when it separates them, which makes the list a basis of everything the graph
    implies when there are no arcs (Shipley 2000, doi 10.1207/S15328007SEM0702_4), else a minimal separator. Pairs that
    nothing measured separates, such as those joined by an arc, imply none.
    """
    found: list[Independence] = []
    measured = [node for node in graph.nodes if node not in graph.unseen]
    for one, other in combinations(measured, 2):
        if graph.adjacent(one, other):
            continue
        parents = [node for node in graph.nodes if node in {*graph.parents(one), *graph.parents(other)} - {one, other}]
        if not set(parents) & set(graph.unseen) and is_separated(graph, one, other, parents):
            found.append(Independence(one, other, tuple(parents)))
            continue
        separator = find_separator(graph, one, other)
        if separator is not None:
            found.append(Independence(one, other, separator))
    return tuple(found)


def with_hidden_causes(graph: Graph) -> nx.DiGraph:
    """The graph with each arc replaced by a node that causes both its ends."""
    full = graph.arrow_graph()
    for place, (one, other) in enumerate(graph.arcs):
        hidden = f".arc{place}"
        full.add_edge(hidden, one)
        full.add_edge(hidden, other)
    return full
