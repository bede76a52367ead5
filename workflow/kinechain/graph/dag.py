"""A causal graph: arrows, and arcs that stand for an unmeasured common cause."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

import networkx as nx

from kinechain.errors import Problem, UserError
from kinechain.spec import ModelSpec
from kinechain.syntax import place_of


@dataclass(frozen=True, slots=True)
class Graph:
    """An acyclic graph with arrows and arcs.

    nodes     in a fixed order; every listing follows it
    arrows    (cause, effect)
    arcs      pairs joined by an unmeasured common cause: residual correlations, exogenous variables among themselves
    unseen    nodes that were not measured; never adjusted for
    """

    nodes: tuple[str, ...]
    arrows: tuple[tuple[str, str], ...]
    arcs: tuple[tuple[str, str], ...] = ()
    unseen: tuple[str, ...] = ()

    def parents(self, node: str) -> tuple[str, ...]:
        """Direct causes of a node."""
        return self._ordered(cause for cause, effect in self.arrows if effect == node)

    def children(self, node: str) -> tuple[str, ...]:
        """Direct effects of a node."""
        return self._ordered(effect for cause, effect in self.arrows if cause == node)

    def descendants(self, node: str) -> tuple[str, ...]:
        """Everything an arrow path from the node reaches, the node left out."""
        return self._ordered(nx.descendants(_arrow_graph(self.nodes, self.arrows), node))

    def ancestors(self, node: str) -> tuple[str, ...]:
        """Everything an arrow path reaches the node from, the node left out."""
        return self._ordered(nx.ancestors(_arrow_graph(self.nodes, self.arrows), node))

    def adjacent(self, one: str, other: str) -> bool:
        """Whether an arrow or an arc joins two nodes."""
        joined = {frozenset(pair) for pair in (*self.arrows, *self.arcs)}
        return frozenset((one, other)) in joined

    def order(self) -> tuple[str, ...]:
        """The nodes, causes before effects; nodes that are free to stand anywhere keep their given order."""
        position = {node: place for place, node in enumerate(self.nodes)}
        return tuple(nx.lexicographical_topological_sort(self.arrow_graph(), key=position.__getitem__))

    def arrow_graph(self) -> nx.DiGraph:
        """The arrows alone, for networkx; the caller's own."""
        return _arrow_graph(self.nodes, self.arrows).copy()

    def without(self, arrows: Iterable[tuple[str, str]]) -> Graph:
        """The same graph with some arrows taken out."""
        gone = set(arrows)
        return Graph(self.nodes, tuple(arrow for arrow in self.arrows if arrow not in gone), self.arcs, self.unseen)

    def _ordered(self, chosen: Iterable[str]) -> tuple[str, ...]:
        wanted = set(chosen)
        return tuple(node for node in self.nodes if node in wanted)


@lru_cache(maxsize=64)
def _arrow_graph(nodes: tuple[str, ...], arrows: tuple[tuple[str, str], ...]) -> nx.DiGraph:
    """A graph as networkx has it, made once while many questions are put to it; nobody may change it."""
    graph = nx.DiGraph()
    graph.add_nodes_from(nodes)
    graph.add_edges_from(arrows)
    return graph


def build_graph(
    arrows: Iterable[tuple[str, str]],
    arcs: Iterable[tuple[str, str]] = (),
    nodes: Iterable[str] = (),
    unseen: Iterable[str] = (),
    where: str = "graph",
    places: Mapping[tuple[str, str], str] | None = None,
) -> Graph:
    """A graph from its arrows and arcs; nodes are listed as named, then in order of appearance.

    places  arrow -> where it is written, for the message about the arrow that closes a cycle

    Raises UserError naming the cycle when arrows lead back to where they began.
    """
    arrows, arcs, unseen = tuple(dict.fromkeys(arrows)), tuple(dict.fromkeys(arcs)), tuple(unseen)
    listed = dict.fromkeys((*nodes, *(node for pair in (*arrows, *arcs) for node in pair)))
    graph = Graph(tuple(listed), arrows, arcs, unseen)
    cycle = find_cycle(graph)
    if cycle:
        text = " -> ".join(cycle)
        place = (places or {}).get((cycle[-2], cycle[-1]), where)
        raise UserError(Problem(place, f"cycle: {text}; a recursive model is required", "Take one of these paths out"))
    return graph


def find_cycle(graph: Graph) -> tuple[str, ...]:
    """One cycle of arrows, first node repeated at the end, or ()."""
    arrows = graph.arrow_graph()
    if nx.is_directed_acyclic_graph(arrows):  # a fifth of the time of a search that finds nothing
        return ()
    edges = nx.find_cycle(arrows)
    return (*(str(edge[0]) for edge in edges), str(edges[0][0]))


def graph_of(spec: ModelSpec, *, link_exogenous: bool = True) -> Graph:
    """The graph a model draws: `~` and `=~` give arrows, `~~` between two variables gives an arc.

    link_exogenous  exogenous variables may depend on one another in any way, as structural models take them; False to
                    take each as it stands alone

    Fixed-zero covariances and paths count as absent. Raises UserError for a cycle.
    """
    table = spec.table
    arrows: list[tuple[str, str]] = []
    arcs: list[tuple[str, str]] = []
    for row in table.rows:
        if row.group != 1 or (row.free == 0 and row.fixed == 0):
            continue
        if row.op == "~":
            arrows.append((row.rhs, row.lhs))
        elif row.op == "=~":
            arrows.append((row.lhs, row.rhs))
        elif row.op == "~~" and row.lhs != row.rhs and not row.exo:
            arcs.append((row.lhs, row.rhs))
    if link_exogenous:
        arcs += [pair for pair in combinations(table.exogenous, 2) if pair not in arcs and pair[::-1] not in arcs]
    nodes = (*table.exogenous, *(name for name in (*table.latent, *table.observed) if name not in table.exogenous))
    places = {arrow: place_of(spec.flat, arrow[1], arrow[0], spec.where) for arrow in arrows}
    return build_graph(arrows, arcs, nodes, table.latent, spec.where, places)
