"""Graphs: separation, adjustment sets and equivalence classes, against published answers and brute force."""

from itertools import combinations, product

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinechain.errors import UserError
from kinechain.graph import (
    against_time,
    bad_controls,
    build_graph,
    equivalent_graphs,
    graph_of,
    implied_independences,
    is_adjustment_set,
    is_separated,
    is_single_door_set,
    minimal_adjustment_sets,
    minimal_single_door_sets,
)
from kinechain.graph.equivalence import colliders
from kinechain.spec import spec_from_text


def arrows(text: str) -> list[tuple[str, str]]:
    """`a b c` on a line: a causes b and c, as dagitty writes adjacency."""
    rows = (line.split() for line in text.strip().splitlines())
    return [(row[0], child) for row in rows for child in row[1:]]


def sets(graph, exposure, outcome):
    return {frozenset(one) for one in minimal_adjustment_sets(graph, exposure, outcome)}


def test_chains_and_forks_are_blocked_and_colliders_opened():
    graph = build_graph([("a", "b"), ("b", "c"), ("d", "c"), ("c", "e")])
    assert is_separated(graph, "a", "c", {"b"})
    assert is_separated(graph, "a", "d")
    assert not is_separated(graph, "a", "d", {"c"})
    assert not is_separated(graph, "a", "d", {"e"})


def test_an_arc_counts_as_a_hidden_common_cause():
    graph = build_graph([("a", "b"), ("b", "c")], arcs=[("b", "c")])
    assert not is_separated(graph, "a", "c", {"b"})


# Sets that dagitty's own test suite lists (jslib/test, jtextor/dagitty) for the same small graphs.
def test_adjustment_sets_agree_with_dagitty_on_a_triangle_with_two_causes():
    graph = build_graph(arrows("t xobs\nu1 t y\nu2 t xobs\nxobs y"))
    assert sets(graph, "xobs", "y") == {frozenset({"t", "u2"}), frozenset({"u1"})}


def test_adjustment_sets_agree_with_dagitty_on_two_back_doors():
    graph = build_graph(arrows("S T\nh S\ni h T\nx S z\nz T"))
    assert sets(graph, "S", "T") == {frozenset(pair) for pair in product("hi", "xz")}


def test_adjustment_sets_agree_with_dagitty_when_a_node_is_unseen():
    edges = arrows("A E Z\nB D Z\nZ E D")
    assert sets(build_graph(edges, unseen=["B"]), "E", "D") == {frozenset({"A", "Z"})}
    assert sets(build_graph(edges), "E", "D") == {frozenset({"A", "Z"}), frozenset({"B", "Z"})}


SHRIER_PLATT_2008 = """
warm_up in_game
in_game injury
coach motivation fitness
genetics fitness fatigue tissue_disorder
motivation warm_up previous_injury
fitness pre_game fatigue
tissue_disorder fatigue weakness
pre_game warm_up
fatigue in_game injury
contact previous_injury in_game
weakness injury
"""


@pytest.mark.parametrize(
    "given_set", [{"coach", "fitness"}, {"fitness", "fatigue", "weakness"}, {"fitness", "motivation"}]
)
def test_sets_that_dagitty_lists_for_shrier_and_platt_are_sufficient(given_set):
    graph = build_graph(arrows(SHRIER_PLATT_2008))
    assert is_adjustment_set(graph, "warm_up", "injury", given_set)
    assert not is_adjustment_set(graph, "warm_up", "injury", given_set | {"in_game"})


def test_no_adjustment_identifies_an_effect_with_a_hidden_common_cause():
    graph = build_graph([("x", "y")], arcs=[("x", "y")])
    assert minimal_adjustment_sets(graph, "x", "y") == ()


def test_no_adjustment_is_needed_where_there_is_no_back_door():
    assert minimal_adjustment_sets(build_graph([("x", "m"), ("m", "y")]), "x", "y") == ((),)


def test_m_bias_is_left_alone():
    graph = build_graph([("u1", "x"), ("u1", "z"), ("u2", "z"), ("u2", "y"), ("x", "y")], unseen=["u1", "u2"])
    assert is_adjustment_set(graph, "x", "y", ())
    assert not is_adjustment_set(graph, "x", "y", {"z"})


def test_the_coefficient_of_an_arrow_needs_its_mediators_held():
    graph = build_graph([("x", "m"), ("m", "y"), ("x", "y")])
    assert minimal_single_door_sets(graph, "x", "y") == (("m",),)
    assert minimal_adjustment_sets(graph, "x", "y") == ((),)
    assert not is_single_door_set(graph, "x", "y", ())


def test_bad_controls_are_refused_by_name_with_the_reason():
    graph = build_graph([("x", "m"), ("m", "y"), ("y", "z"), ("m", "w"), ("c", "x"), ("c", "y")])
    why = bad_controls(graph, "x", "y", ["c", "m", "w", "z"], total=True)
    assert why == {
        "m": "`m` lies on the way from `x` to `y`; holding it blocks part of the effect",
        "w": "`w` is a descendant of a mediator; holding it blocks part of the effect you ask for",
        "z": "`z` is a descendant of `y`; holding it bends the effect you ask for",
    }
    assert set(bad_controls(graph, "m", "y", ["x", "c", "z"], total=False)) == {"z"}


def test_a_cycle_is_told_as_the_way_round():
    with pytest.raises(UserError) as caught:
        build_graph([("a", "b"), ("b", "a")], where="models/loop.yaml")
    assert str(caught.value) == (
        "models/loop.yaml: cycle: a -> b -> a; a recursive model is required. Take one of these paths out."
    )


def test_reciprocal_paths_are_refused_before_they_are_estimated():
    with pytest.raises(UserError, match="cycle: y -> m1 -> y"):
        graph_of(spec_from_text("m1 ~ y\ny ~ m1 + x"))


def test_a_model_draws_its_paths_and_residual_correlations():
    graph = graph_of(spec_from_text("m ~ x + c\ny ~ m\ny ~~ x2\nm ~~ 0*w\nw ~ x"))
    assert ("x", "m") in graph.arrows
    assert {frozenset(arc) for arc in graph.arcs} >= {frozenset(("x", "c")), frozenset(("y", "x2"))}
    assert frozenset(("m", "w")) not in {frozenset(arc) for arc in graph.arcs}


def test_a_chain_implies_what_it_leaves_out():
    found = {str(one) for one in implied_independences(build_graph([("a", "b"), ("b", "c"), ("c", "d")]))}
    assert found == {"a ⊥ c | b", "a ⊥ d | c", "b ⊥ d | a, c"}


def test_a_declared_residual_correlation_takes_its_independence_away():
    chain = [("a", "b"), ("b", "c")]
    assert [str(one) for one in implied_independences(build_graph(chain))] == ["a ⊥ c | b"]
    assert implied_independences(build_graph(chain, arcs=[("a", "c")])) == ()
    assert implied_independences(build_graph(chain, arcs=[("b", "c")])) == ()


def test_a_chain_of_four_has_four_equivalents_and_the_reverse_is_one_of_them():
    members = equivalent_graphs(build_graph([("a", "b"), ("b", "c"), ("c", "d")]))
    assert len(members) == 4
    assert members[0].arrows == (("a", "b"), ("b", "c"), ("c", "d"))
    assert (("b", "a"), ("c", "b"), ("d", "c")) in [member.arrows for member in members]


def test_a_collider_leaves_nothing_to_turn():
    assert len(equivalent_graphs(build_graph([("a", "b"), ("c", "b")]))) == 1


def test_a_complete_graph_may_be_turned_in_every_order():
    nodes = "abcd"
    assert len(equivalent_graphs(build_graph(list(combinations(nodes, 2))))) == 24


def test_exogenous_nodes_keep_their_arrows():
    graph = build_graph([("z", "a"), ("z", "b"), ("a", "b")])
    assert len(equivalent_graphs(graph)) == 6
    assert len(equivalent_graphs(graph, fixed=["z"])) == 2


def test_a_class_with_residual_correlations_is_not_guessed():
    with pytest.raises(ValueError, match="residual correlations"):
        equivalent_graphs(build_graph([("a", "b")], arcs=[("a", "b")]))


def test_declared_time_order_prunes():
    graph = build_graph([("late", "early")])
    assert against_time(graph, [["early"], ["late"]]) == (("late", "early"),)
    assert against_time(graph, [["late"]]) == ()
    through = build_graph([("late", "free"), ("free", "early")])
    assert against_time(through, [["early"], ["late"]]) == (("late", "early"),)


@st.composite
def small_graphs(draw):
    n = draw(st.integers(3, 5))
    nodes = [f"v{i}" for i in range(n)]
    pairs = list(combinations(nodes, 2))
    kept = draw(st.lists(st.booleans(), min_size=len(pairs), max_size=len(pairs)))
    return build_graph([pair for pair, keep in zip(pairs, kept, strict=True) if keep], nodes=nodes)


@settings(max_examples=60, deadline=None)
@given(small_graphs())
def test_equivalence_class_agrees_with_brute_force(graph):
    skeleton = [tuple(sorted(arrow)) for arrow in graph.arrows]
    wanted = set()
    for turns in product((False, True), repeat=len(skeleton)):
        turned = [pair[::-1] if turn else pair for pair, turn in zip(skeleton, turns, strict=True)]
        if nx.is_directed_acyclic_graph(nx.DiGraph(turned)) and colliders(
            build_graph(turned, nodes=graph.nodes)
        ) == colliders(graph):
            wanted.add(frozenset(turned))
    assert {frozenset(member.arrows) for member in equivalent_graphs(graph)} == wanted


@settings(max_examples=60, deadline=None)
@given(small_graphs())
def test_minimal_adjustment_sets_agree_with_brute_force(graph):
    exposure, outcome = graph.nodes[1], graph.nodes[-1]
    others = [node for node in graph.nodes if node not in (exposure, outcome)]
    enough = [
        frozenset(chosen)
        for size in range(len(others) + 1)
        for chosen in combinations(others, size)
        if is_adjustment_set(graph, exposure, outcome, chosen)
    ]
    minimal = {one for one in enough if not any(one - {node} in enough for node in one)}
    assert sets(graph, exposure, outcome) == minimal


@settings(max_examples=60, deadline=None)
@given(small_graphs())
def test_every_implied_independence_separates(graph):
    for one in implied_independences(graph):
        assert nx.is_d_separator(nx.DiGraph(graph.arrow_graph()), {one.one}, {one.other}, set(one.given))
