"""Graphs: what a model says about who causes whom, and what follows from that without any data."""

from kinechain.graph.adjustment import (
    bad_controls,
    is_adjustment_set,
    is_single_door_set,
    minimal_adjustment_sets,
    minimal_single_door_sets,
)
from kinechain.graph.dag import Graph, build_graph, graph_of
from kinechain.graph.equivalence import against_time, equivalent_graphs
from kinechain.graph.separation import Independence, implied_independences, is_separated

__all__ = [
    "Graph",
    "Independence",
    "against_time",
    "bad_controls",
    "build_graph",
    "equivalent_graphs",
    "graph_of",
    "implied_independences",
    "is_adjustment_set",
    "is_separated",
    "is_single_door_set",
    "minimal_adjustment_sets",
    "minimal_single_door_sets",
]
