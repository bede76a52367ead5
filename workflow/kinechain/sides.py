"""The two sides of a comparison: a study's folder or config, one model of it, or the last run that was made of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kinechain.difference import View
from kinechain.errors import Problem, UserError, closest, raise_if_any
from kinechain.io import read_json, read_metadata, read_table, read_yaml, sha256_file
from kinechain.places import texts_in_place
from kinechain.study import CONFIG, Study, digest_of, load_study

if TYPE_CHECKING:
    from kinechain.cohort import Cohort
    from kinechain.graph import Graph
    from kinechain.spec import ModelSpec

DERIVED = Path("data/derived")


@dataclass(frozen=True, slots=True)
class StudySide:
    """A study as its config stands: models are fitted and drawn when they are asked for.

    model  the only model that counts, "" for all
    """

    study: Study
    label: str
    model: str = ""
    cohorts: dict[str, Cohort] = field(init=False, default_factory=dict, repr=False)

    def pairs(self) -> tuple[tuple[str, str], ...]:
        """(cohort, model) of every fit of this side."""
        return tuple(
            (cohort, model)
            for cohort in self.study.cohorts
            for model in self.study.models_of(cohort)
            if self.model in ("", model)
        )

    def fingerprint(self, cohort: str, model: str) -> str:
        """Digest of all that the numbers of a fit hang on, the code apart."""
        study = self.study
        content = {key: value for key, value in study.models[model].items() if key in ("equations", "effects")}
        own = {key: value for key, value in study.cohorts[cohort].items() if key != "models"}
        return digest_of(
            [
                content,
                study.macros_of(model),
                study.method_of(cohort, model),
                {**own, "file": sha256_file(study.root / study.data_file(cohort))},
                study.measures_digest(cohort),
                study.config["inference"],
            ]
        )

    def view(self, cohort: str, model: str, draws: int) -> View:
        """The model fitted to the cohort, and its effects in `draws` draws from the study's seed."""
        from kinechain.effect_plan import contrast_problems
        from kinechain.preflight import load_cohort
        from kinechain.spec import build_spec

        study = self.study
        if cohort not in self.cohorts:
            self.cohorts[cohort] = load_cohort(cohort, study.root / CONFIG)
        people = self.cohorts[cohort]
        file = f"{CONFIG.as_posix()}/models/{model}.yaml"
        texts = texts_in_place(study.root / file)
        mapping = {**study.models[model], **study.method_of(cohort, model), **texts}
        spec = build_spec(mapping, study.config.get("macros", {}), people.variables, file)
        raise_if_any(contrast_problems(spec))
        inference = study.config["inference"]
        return _estimate(spec, people, seed=inference["seed"], draws=draws, interval=study.interval_of(model))


@dataclass(frozen=True, slots=True)
class RunSide:
    """The last run of a study, read from what it left in data/derived."""

    root: Path
    label: str = "the last run"

    def pairs(self) -> tuple[tuple[str, str], ...]:
        """(cohort, model) of every fit the run left."""
        found = sorted((self.root / DERIVED).glob("*/fits/*.json"))
        return tuple((path.parents[1].name, path.stem) for path in found if self._draws(path).exists())

    def fingerprint(self, cohort: str, model: str) -> str:
        """A run does not keep what it was made from: always looked at."""
        return f"run {cohort} {model}"

    def view(self, cohort: str, model: str, draws: int) -> View:
        """The fit and the first `draws` draws as the run left them."""
        path = self.root / DERIVED / cohort / "fits" / f"{model}.json"
        fit = read_json(path)
        drawn = read_table(self._draws(path))
        effects = read_table(path.parents[1] / "effects" / f"{model}.parquet")
        asked = {part for name in drawn.columns if name.startswith("total:") for part in _ends(name)}
        graph = _graph_of_rows(fit["parameters"])
        causes = {node for node in graph.nodes if graph.children(node) and not graph.parents(node)}
        kept = [name for name in drawn.columns if not name.startswith("std:")]
        made = read_metadata(self._draws(path))
        return View(
            model,
            cohort,
            graph,
            frozenset(causes - asked) if asked else frozenset(),
            "" if fit["status"] in ("converged", "improper") else str(fit["status_text"]),
            int(made.get("n", fit["n_obs"])),
            {str(name): float(value) for name, value in zip(effects["effect"], effects["estimate"], strict=True)},
            {name: drawn[name].to_numpy(dtype=np.float64)[:draws] for name in kept},
            (int(made["seed"]), str(made["scheme"])) if "seed" in made else (0, ""),
        )

    def _draws(self, fit: Path) -> Path:
        return fit.parents[1] / "draws" / f"{fit.stem}.parquet"


Side = StudySide | RunSide


def read_side(place: Path) -> Side:
    """A side from what people type: a study's folder, a config file of it, or one of its models.

    Raises UserError when there is no study, or with every mistake in the shape of its files.
    """
    if place.is_dir():
        if not (place / CONFIG / "config.yaml").exists():
            what = "this folder holds no study: there is no config/config.yaml in it"
            raise UserError(Problem(place.as_posix(), what, "Name a study's folder, a config.yaml or a model's yaml"))
        return StudySide(load_study(place), place.as_posix())
    if not place.exists():
        near = [path.as_posix() for path in place.parent.glob("*.yaml")] if place.parent.is_dir() else []
        raise UserError(Problem(place.as_posix(), "there is no such file or folder", closest(place.as_posix(), near)))
    content = read_yaml(place)
    if isinstance(content, Mapping) and "equations" in content:
        root = place.resolve().parents[2]
        study = load_study(root, {**read_yaml(root / CONFIG / "config.yaml"), "models": [place.stem]})
        own = {name: {**cohort, "models": [place.stem]} for name, cohort in study.cohorts.items()}
        return StudySide(Study(root, study.config, own, study.models, study.needs), place.as_posix(), place.stem)
    return StudySide(load_study(place.resolve().parents[1], content), place.as_posix())


def matched(before: Side, after: Side) -> Iterator[tuple[tuple[str, str] | None, tuple[str, str] | None]]:
    """Fits of both sides that belong together, by cohort and model; None where one side has no counterpart.

    Two single models are compared with one another, whatever their names.
    """
    own, other = before.pairs(), after.pairs()
    singles = [side.model for side in (before, after) if isinstance(side, StudySide) and side.model]
    if len(singles) == 2 and singles[0] != singles[1]:
        cohorts = {cohort for cohort, _ in other}
        yield from (((cohort, singles[0]), (cohort, singles[1])) for cohort, _ in own if cohort in cohorts)
        return
    for pair in dict.fromkeys((*own, *other)):
        yield pair if pair in own else None, pair if pair in other else None


def _estimate(spec: ModelSpec, cohort: Cohort, *, seed: int, draws: int, interval: str) -> View:
    from kinechain.effects import estimate_effects
    from kinechain.estimators import fit_model
    from kinechain.graph import graph_of
    from kinechain.resampling import draw_cohort

    try:
        graph = graph_of(spec)
    except UserError:
        graph = None
    try:
        fit = fit_model(spec, cohort, seed=seed)
        if not fit.status.has_numbers:
            what = f"{fit.status.code.replace('_', ' ')}: {fit.detail or fit.status.value}"
            return View(spec.name, cohort.name, graph, frozenset(spec.covariates), what, fit.n, {}, {})
        drawn = draw_cohort(spec, cohort, seed=seed, draws=draws, interval=interval) if draws else None
    except UserError as error:
        what = "; ".join(problem.what for problem in error.problems)
        return View(spec.name, cohort.name, graph, frozenset(spec.covariates), what, 0, {}, {})
    table = estimate_effects(fit)
    estimates = {str(name): float(value) for name, value in zip(table["effect"], table["estimate"], strict=True)}
    values = {name: drawn.effect(name) for name in drawn.names} if drawn else {}
    n = drawn.n if drawn else fit.n
    stream = (drawn.seed, drawn.scheme.name.lower()) if drawn else (0, "")
    return View(spec.name, cohort.name, graph, frozenset(spec.covariates), "", n, estimates, values, stream)


def _graph_of_rows(rows: list[Mapping[str, Any]]) -> Graph:
    """The graph of a fit's rows, as `graph_of` draws it from a spec."""
    from itertools import combinations

    from kinechain.graph import build_graph

    free = [row for row in rows if row["group"] == 1 and (row["free"] or row["est"])]
    arrows = [(row["rhs"], row["lhs"]) for row in free if row["op"] == "~"]
    arrows += [(row["lhs"], row["rhs"]) for row in free if row["op"] == "=~"]
    arcs = [(row["lhs"], row["rhs"]) for row in free if row["op"] == "~~" and row["lhs"] != row["rhs"]]
    caused = {effect for _, effect in arrows}
    exogenous = list(dict.fromkeys(cause for cause, _ in arrows if cause not in caused))
    arcs = [pair for pair in arcs if not set(pair) <= set(exogenous)]
    unseen = tuple(dict.fromkeys(row["lhs"] for row in rows if row["op"] == "=~"))
    nodes = (*exogenous, *(node for pair in arrows for node in pair if node not in exogenous))
    return build_graph(arrows, [*arcs, *combinations(exogenous, 2)], nodes, unseen, "the last run")


def _ends(total: str) -> tuple[str, str]:
    start, _, end = total.removeprefix("total:").partition("->")
    return start, end
