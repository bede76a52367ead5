"""What each link must be adjusted for by its graph, what it is adjusted for, and whether that is enough."""

from __future__ import annotations

import pandas as pd

from kinechain.checks.plan import CheckResult, Study
from kinechain.graph import (
    Graph,
    bad_controls,
    graph_of,
    is_adjustment_set,
    is_single_door_set,
    minimal_adjustment_sets,
    minimal_single_door_sets,
)


def check_adjustment(study: Study) -> CheckResult:
    """Declared and minimal adjustment sets of each link and of the total effect, by the main model's own graph.

    Columns: effect, kind (path or total), declared, sufficient (whether the declared set closes every back door the
    graph knows), minimal (the smallest sets, one a line), refused (members that must not be held, and why), unmeasured
    (declared covariates the cohort lacks).
    """
    spec = study.models.get(study.plan.main_model)
    columns = ["effect", "kind", "declared", "sufficient", "minimal", "refused", "unmeasured"]
    if spec is None:
        note = f"The model {study.plan.main_model} is not fitted to this cohort."
        return CheckResult("adjustment", pd.DataFrame(columns=columns), (note,))
    graph = graph_of(spec)
    rows = []
    for outcome, cause in study.plan.edges:
        if (cause, outcome) not in graph.arrows:
            continue
        declared = [name for name in graph.parents(outcome) if name != cause]
        lacking = ", ".join(spec.unmeasured.get(outcome, ()))
        rows.append((f"{outcome}~{cause}", "path", *_sets(graph, cause, outcome, declared, total=False), lacking))
    total = study.plan.total
    if total is not None and study.has(total.needs):
        declared = list(study.covariates(total.adjust, total.outcome, total.exposure))
        own = with_declared_causes(graph, declared, total.exposure, total.outcome)
        effect = f"total:{total.exposure}->{total.outcome}"
        rows.append((effect, "total", *_sets(own, total.exposure, total.outcome, declared, total=True), ""))
    return CheckResult("adjustment", pd.DataFrame(rows, columns=columns))


def _sets(graph: Graph, cause: str, outcome: str, declared: list[str], *, total: bool) -> tuple[str, bool, str, str]:
    inside = [name for name in declared if name in graph.nodes]
    refused = bad_controls(graph, cause, outcome, inside, total=total)
    enough = is_adjustment_set if total else is_single_door_set
    minimal = minimal_adjustment_sets if total else minimal_single_door_sets
    sets = "; ".join("{" + ", ".join(one) + "}" for one in minimal(graph, cause, outcome)[:5])
    return ", ".join(declared), enough(graph, cause, outcome, inside), sets, " ".join(refused.values())


def with_declared_causes(graph: Graph, declared: list[str], cause: str, outcome: str) -> Graph:
    """The graph in which an exogenous cause is caused by its declared covariates and tied to no other.

    A model takes its exogenous variables as tied in any way; for the back doors of a total effect the declared
    covariates are taken to be what ties the cause to the rest. Those the graph does not draw cause both ends.
    """
    new = [name for name in declared if name not in graph.nodes]
    arrows = [(name, cause) for name in declared] + [(name, outcome) for name in new]
    arcs = tuple(pair for pair in graph.arcs if cause not in pair)
    return Graph((*new, *graph.nodes), (*arrows, *graph.arrows), arcs, graph.unseen)
