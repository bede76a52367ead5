"""What one way of setting a model up changes against another: its graph, what follows from it, and every effect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from kinechain.graph import Graph, implied_independences, minimal_adjustment_sets
from kinechain.numerics import Array
from kinechain.rounding import published

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class View:
    """One model of one cohort, as one side of a comparison sees it.

    model, cohort  names
    graph          arrows and arcs; None when the model cannot be read as one without loops
    covariates     causes that are adjusted for and not asked about
    problem        why it has no numbers, "" when it has
    n              people used
    estimates      effect -> estimate
    draws          effect -> (D,) the same effect in every draw
    stream         seed and scheme of the draws: equal streams over as many people are the same resamples
    """

    model: str
    cohort: str
    graph: Graph | None
    covariates: frozenset[str]
    problem: str
    n: int
    estimates: Mapping[str, float]
    draws: Mapping[str, Array]
    stream: tuple[int, str] = (0, "")


@dataclass(frozen=True, slots=True)
class Change:
    """One effect on both sides.

    before, after  estimates; NaN on a side that does not have it
    low, high      interval of after minus before, from draws in which both sides met the same people
    """

    effect: str
    before: float
    after: float
    low: float
    high: float

    @property
    def by(self) -> float:
        """After minus before."""
        return self.after - self.before

    @property
    def is_clear(self) -> bool:
        """Whether the interval of the change leaves out zero."""
        return self.low > 0.0 or self.high < 0.0


@dataclass(frozen=True, slots=True)
class Difference:
    """Everything that differs between two views of a model.

    gained, lost   what is said of each kind (`paths`, `covariates`, `residual covariances`, `adjustment sets`,
                   `independences`) by the side after alone, and by the side before alone
    reconditioned  independences that both sides imply, given other variables
    changes        effects of either side: those asked about before the paths of covariates and shares of variance; of
                   each, those of both sides first and the clearest change before the others
    is_paired      whether each draw is the same resample: as many people, the same seed and scheme
    """

    before: View
    after: View
    gained: Mapping[str, tuple[str, ...]]
    lost: Mapping[str, tuple[str, ...]]
    reconditioned: tuple[str, ...]
    changes: tuple[Change, ...]
    is_paired: bool

    @property
    def is_empty(self) -> bool:
        """Whether nothing differs."""
        same = all(change.before == change.after for change in self.changes)
        return not any(self.gained.values()) and not any(self.lost.values()) and same and not self.status

    @property
    def status(self) -> str:
        """What became of the numbers, "" when both sides have them or neither for the same reason."""
        before, after = self.before.problem, self.after.problem
        if before == after:
            return ""
        return f"{before or 'it could be estimated'} -> {after or 'it can be estimated'}"


def compare(before: View, after: View, *, level: float) -> Difference:
    """The difference between two views.

    level  of the intervals of the changes, a share
    """
    covariates = before.covariates | after.covariates
    graphs = (_in_order_of(after.graph, before.graph), after.graph)
    said = [_said(graph, covariates) for graph in graphs]
    gained = {kind: _only(said[1][kind], said[0][kind]) for kind in said[0]}
    lost = {kind: _only(said[0][kind], said[1][kind]) for kind in said[0]}
    names = dict.fromkeys((*before.estimates, *after.estimates))
    found = (_change(name, before, after, level) for name in names)
    changes = sorted(found, key=lambda change: (_is_beside(change.effect, covariates), *_by_clearness(change)))
    given = [_conditions(graph) for graph in graphs]
    reconditioned = tuple(
        f"{pair} | {given[0][pair]} -> | {given[1][pair]}"
        for pair in given[0]
        if pair in given[1] and given[0][pair] != given[1][pair]
    )
    is_paired = (before.n, before.stream) == (after.n, after.stream)
    return Difference(before, after, gained, lost, reconditioned, tuple(changes), is_paired)


def _in_order_of(other: Graph | None, graph: Graph | None) -> Graph | None:
    """A graph with its nodes in the order of another, so that both name the same pair the same way."""
    if graph is None or other is None:
        return graph
    shared = [node for node in other.nodes if node in graph.nodes]
    return replace(graph, nodes=(*shared, *(node for node in graph.nodes if node not in shared)))


def _only(one: tuple[Item, ...], other: tuple[Item, ...]) -> tuple[Item, ...]:
    there = set(other)
    return tuple(item for item in one if item not in there)


def _change(name: str, before: View, after: View, level: float) -> Change:
    estimates = [float(view.estimates.get(name, np.nan)) for view in (before, after)]
    low = high = np.nan
    if name in before.draws and name in after.draws:
        size = min(len(before.draws[name]), len(after.draws[name]))
        moved = np.asarray(after.draws[name][:size]) - np.asarray(before.draws[name][:size])
        seen = moved[np.isfinite(moved)]
        if len(seen):
            low, high = np.quantile(seen, [(1.0 - level) / 2.0, (1.0 + level) / 2.0])
    return Change(name, estimates[0], estimates[1], float(low), float(high))


def _is_beside(effect: str, covariates: frozenset[str]) -> bool:
    """Whether an effect is not what a model is asked about: the path of a covariate, or a share of variance."""
    return effect.startswith("r2:") or effect.rpartition("~")[2] in covariates


def _by_clearness(change: Change) -> tuple[bool, float]:
    width = change.high - change.low  # of equals the model's own order decides, not the last bit of a processor
    return bool(np.isnan(change.by)), -published(abs(change.by) / width) if width > 0.0 else 0.0


def _conditions(graph: Graph | None) -> dict[str, str]:
    """Pairs that a graph holds apart -> given what."""
    found = implied_independences(graph) if graph else ()
    return {f"{one.one} ⊥ {one.other}": ", ".join(one.given) or "nothing" for one in found}


def _said(graph: Graph | None, covariates: frozenset[str]) -> dict[str, tuple[str, ...]]:
    """What a model says, kind by kind, each statement as text."""
    if graph is None:
        return dict.fromkeys(("paths", "covariates", "residual covariances", "adjustment sets", "independences"), ())
    asked = [(cause, effect) for cause, effect in graph.arrows if cause not in covariates]
    given = set(graph.nodes) - {effect for _, effect in graph.arrows}
    return {
        "paths": tuple(f"{cause} -> {effect}" for cause, effect in asked),
        "covariates": tuple(f"{cause} of {effect}" for cause, effect in graph.arrows if cause in covariates),
        "residual covariances": tuple(f"{one} ~~ {other}" for one, other in graph.arcs if not {one, other} <= given),
        "adjustment sets": tuple(_adjustment_sets(graph, covariates)),
        "independences": tuple(_conditions(graph)),
    }


def _adjustment_sets(graph: Graph, covariates: frozenset[str]) -> list[str]:
    """The smallest sets that identify the total effect from each first cause to each last outcome."""
    asked = [node for node in graph.nodes if node not in covariates]
    starts = [node for node in asked if graph.children(node) and not set(graph.parents(node)) & set(asked)]
    ends = [node for node in asked if graph.parents(node) and not graph.children(node)]
    told = []
    for start in starts:
        for end in ends:
            if end not in graph.descendants(start):
                continue
            sets = minimal_adjustment_sets(graph, start, end)
            smallest = [one for one in sets if len(one) == len(sets[0])] if sets else []
            shown = " or ".join("{" + ", ".join(one) + "}" for one in smallest) or "no measured set"
            told.append(f"{start} -> {end}: {shown}")
    return told
