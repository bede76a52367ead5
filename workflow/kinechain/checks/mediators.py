"""Several mediators: all of them jointly, each by every way through it, and each as if it were the only one."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from kinechain.checks.natural import proportion_mediated
from kinechain.checks.plan import CheckResult, Study
from kinechain.graph import graph_of
from kinechain.numerics import Array
from kinechain.numerics.normal_law import draw_normal
from kinechain.numerics.regression import fit_rows

DRAWS = 4_000
"""Monte Carlo draws of the slopes: the error of a limit is a twentieth of a standard error."""


def check_mediators(study: Study) -> CheckResult:
    """The declared total effect split by mediator, in the main model's graph, by least squares on complete people.

    Jointly: the total less the direct path. Through one: every directed path that passes it, which in a graph without
    cycles is the total effect on it times its total effect on the outcome; mediators in line share paths, so that these
    do not add up to the joint effect. As the only one: its product of paths where no other mediator is looked at.

    Columns: exposure, outcome, way, mediator (empty for the joint effect), estimate (standardised), low, high, share
    (of the total, where it has a meaning), note, n.

    Raises LinAlgError for a variable that does not vary among the complete people.
    """
    columns = ["exposure", "outcome", "way", "mediator", "estimate", "low", "high", "share", "note", "n"]
    total, spec = study.plan.total, study.models.get(study.plan.main_model)
    if total is None or spec is None or study.cohort.people is None:
        note = "It needs rows of people, the main model and a declared total effect."
        return CheckResult("mediators", pd.DataFrame(columns=columns), (note,))
    graph = graph_of(spec)
    known = {total.exposure, total.outcome} <= set(graph.nodes)
    between = set(graph.descendants(total.exposure)) & set(graph.ancestors(total.outcome)) if known else set()
    mediators = tuple(name for name in graph.nodes if name in between)
    if not mediators:
        note = f"{spec.name} has no mediator between {total.exposure} and {total.outcome}."
        return CheckResult("mediators", pd.DataFrame(columns=columns), (note,))
    rng = np.random.default_rng(np.random.SeedSequence(study.seed, spawn_key=(2,)))
    nodes = (total.exposure, *mediators, total.outcome)
    parents = {node: graph.parents(node) for node in nodes[1:]}
    names = tuple(dict.fromkeys((*nodes, *(name for listed in parents.values() for name in listed))))
    if not study.has(names):
        note = f"{spec.name} has variables that are no columns of this cohort."
        return CheckResult("mediators", pd.DataFrame(columns=columns), (note,))
    data = study.rows(names)
    spread = data.std(axis=0)
    if not (spread > 0).all():
        raise np.linalg.LinAlgError(f"`{names[int(np.argmin(spread))]}` does not vary among complete people")
    column = dict(zip(names, ((data - data.mean(axis=0)) / spread).T, strict=True))
    paths = np.zeros((1 + DRAWS, len(nodes), len(nodes)))
    for place, node in enumerate(nodes[1:], start=1):
        for cause, slope in _slopes(node, parents[node], column, rng).items():
            if cause in nodes:
                paths[:, place, nodes.index(cause)] = slope
    reached = np.linalg.inv(np.eye(len(nodes)) - paths)
    whole, level = np.asarray(reached[:, -1, 0], dtype=np.float64), study.decisions.value("level")
    found: list[tuple[str, str, Array, Array]] = [("all mediators jointly", "", whole - paths[:, -1, 0], whole)]
    found += [
        ("every way through it", name, reached[:, place, 0] * reached[:, -1, place], whole)
        for place, name in enumerate(mediators, start=1)
    ]
    for name in mediators:
        held = {node: tuple(one for one in parents[node] if one not in mediators) for node in (name, nodes[-1])}
        first = _slopes(name, held[name], column, rng).get(nodes[0], np.zeros(1))
        second = _slopes(nodes[-1], (name, *held[nodes[-1]]), column, rng)
        product = first * second[name]
        found.append(("as the only mediator", name, product, product + second.get(nodes[0], np.zeros(1))))
    rows = []
    for way, name, effect, all_of_it in found:
        low, high = np.quantile(effect[1:], [(1 - level) / 2, (1 + level) / 2])
        share, note = proportion_mediated(effect, all_of_it - effect, all_of_it, level)
        own = math.nan if share is None else float(share[0])
        rows.append((nodes[0], nodes[-1], way, name, float(effect[0]), float(low), float(high), own, note, len(data)))
    note = "Mediators in line share paths: their effects overlap and do not add up to the joint one."
    return CheckResult("mediators", pd.DataFrame(rows, columns=columns), (note,))


def _slopes(
    outcome: str, causes: tuple[str, ...], column: dict[str, Array], rng: np.random.Generator
) -> dict[str, Array]:
    """Slopes on every cause, the estimate first, then draws; equations of a recursive model err independently."""
    X = np.column_stack([np.ones(len(column[outcome])), *(column[name] for name in causes)])
    beta, V = fit_rows(column[outcome], X)
    drawn = np.vstack([beta, draw_normal(rng, beta, V, DRAWS)])
    return {name: drawn[:, place] for place, name in enumerate(causes, start=1)}
