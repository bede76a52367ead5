"""The study as its config files describe it: read, checked in shape, and put together.

Nothing is estimated here. `load_study` is the one place that knows which file says what; the Snakefile and the command
line both ask it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from kinechain import workload
from kinechain.errors import Problem, UserError, closest, raise_if_any
from kinechain.io import json_text, read_once, rough_rows, sha256_file, yaml_positions
from kinechain.numerics.streams import chunk_sizes
from kinechain.places import texts_in_place
from kinechain.schema import check_shape, load_schema, where

if TYPE_CHECKING:
    from kinechain.cohort import Cohort
    from kinechain.spec import ModelSpec
    from kinechain.trials import TrialPlan

CONFIG = Path("config")
SHARED = ("config", "measures", "claims", "decisions", "checks")
"""Config files that all cohorts share."""
OPTIONAL = ("config/registration.yaml", "config/schematic.yaml", "config/trial.yaml")
"""Config files that a study may have, shared as well."""
ANALYSES = ("M10_trial", "threshold")
"""What a claim may name as its model and no file describes: the analysis of arms, and the change of slope."""
DEFAULT_INFERENCE: Mapping[str, Any] = {
    "interval": "percentile",
    "level": 0.95,
    "draws": 10_000,
    "estimator": "mlr",
    "missing": "fiml",
}


@dataclass(frozen=True, slots=True)
class Study:
    """A study: what config/ says, file by file.

    root     folder that holds config/ and data/
    config   config/config.yaml, defaults filled in
    cohorts  cohort name -> config/cohorts/<name>.yaml
    models   model name -> config/models/<name>.yaml
    needs    model name -> constructs its equations write out; those of a macro are not needed, only used where measured
    seconds_a_job  draws predicted to take longer are shared out; kept beside the config because it changes no result
    """

    root: Path
    config: Mapping[str, Any]
    cohorts: Mapping[str, Mapping[str, Any]]
    models: Mapping[str, Mapping[str, Any]]
    needs: Mapping[str, frozenset[str]]
    seconds_a_job: float = workload.SECONDS_A_JOB

    def models_of(self, cohort: str) -> tuple[str, ...]:
        """Names of the models fitted to a cohort: its own list, else those of the study's for which it has measures."""
        own = self.cohorts[cohort].get("models")
        if own is not None:
            return tuple(own)
        left_out = self.left_out(cohort)
        return tuple(name for name in self.config["models"] if name not in left_out)

    def left_out(self, cohort: str) -> dict[str, tuple[str, ...]]:
        """Models of the study's list that a cohort cannot bear, each with the constructs it did not measure.

        A cohort with a list of its own leaves none out: what it asks for by name has to be there.
        """
        if "models" in self.cohorts[cohort]:
            return {}
        has = {*(self.cohorts[cohort].get("constructs") or {}), *self.measures_of(cohort)}
        lacking = {name: tuple(sorted(self.needs[name] - has)) for name in self.config["models"]}
        return {name: constructs for name, constructs in lacking.items() if constructs}

    def data_file(self, cohort: str) -> str:
        """The cohort's file, relative to the study's folder."""
        return str(self.cohorts[cohort]["file"])

    def measures_of(self, cohort: str) -> tuple[str, ...]:
        """Names of the measures a cohort's columns and constructs mention."""
        columns = self.cohorts[cohort].get("columns") or {}
        named = {
            str(column["measure"]) for column in columns.values() if isinstance(column, Mapping) and "measure" in column
        }
        chosen = (self.cohorts[cohort].get("constructs") or {}).values()
        named |= {str(entry["measure"] if isinstance(entry, Mapping) else entry) for entry in chosen}
        return tuple(sorted(named))

    def about(self, cohort: str) -> dict[str, Any]:
        """What a cohort's file says in words of how people came to be in it; keys without words are left out."""
        own = self.cohorts[cohort]
        told = {key: str(own[key]).strip() for key in ("recruitment", "sample_size") if own.get(key)}
        conditions = [str(one["reason"]) for one in own.get("eligibility") or ()]
        return {**told, **({"eligibility": conditions} if conditions else {})}

    def macros_of(self, model: str) -> dict[str, str]:
        """The macros a model's equations use, directly or through another macro."""
        macros: Mapping[str, str] = self.config.get("macros", {})
        text = str(self.models[model].get("equations", ""))
        used: dict[str, str] = {}
        waiting = [text]
        while waiting:
            for word in re.findall(r"[A-Za-z_]\w*", waiting.pop()):
                if word in macros and word not in used:
                    used[word] = macros[word]
                    waiting.append(macros[word])
        return dict(sorted(used.items()))

    def is_trial(self, cohort: str) -> bool:
        """Whether a cohort has arms to which people were assigned."""
        return bool(self.cohorts[cohort]["design"] == "trial")

    def has_rows_of_people(self, cohort: str) -> bool:
        """Whether a cohort has one row a person: no table of moments, no visits."""
        described = self.cohorts[cohort]
        return described["design"] == "cross_sectional" and described.get("format") != "moments"

    def choices_of_checks(self, cohort: str) -> dict[str, Any]:
        """What the checks of a cohort hang on besides its files: macros, methods, the effect of each claim."""
        claims = read_once(self.root / CONFIG / "claims.yaml")
        return {
            "macros": dict(self.config.get("macros", {})),
            "methods": {model: self.method_of(cohort, model) for model in self.models_of(cohort)},
            "paths": {name: entry["tests"][0].get("effect", "") for name, entry in claims.items()},
        }

    def method_of(self, cohort: str, model: str) -> dict[str, Any]:
        """Estimator and missing-data method of a model: its own, else the study's.

        A published table has no gaps and no people: ml and listwise there, unless the model itself says otherwise.
        Under fiml causes are modelled with their own moments unless the model says otherwise: a person whose covariate
        is missing would be dropped if it were taken as given.
        """
        is_table = self.cohorts[cohort].get("format") == "moments"
        default = {"estimator": "ml", "missing": "listwise"} if is_table else self.config["inference"]
        chosen = {key: self.models[model].get(key, default[key]) for key in ("estimator", "missing")}
        return chosen | {"fixed_x": self.models[model].get("fixed_x", chosen["missing"] != "fiml")}

    def interval_of(self, model: str) -> str:
        """Interval of a model's effects: its own, else the study's."""
        return str(self.models[model].get("interval", self.config["inference"]["interval"]))

    def rows(self, cohort: str) -> int:
        """About how many people a cohort's file holds, without reading it."""
        return rough_rows(self.root / self.data_file(cohort), len(self.cohorts[cohort].get("columns") or ()))

    def draw_seconds(self, cohort: str, model: str) -> float:
        """Seconds of one core that the draws of a model are predicted to take."""
        own = self.cohorts[cohort]
        return int(self.config["inference"]["draws"]) * workload.predict(
            str(self.models[model].get("equations", "")),
            n=self.rows(cohort),
            **{key: self.method_of(cohort, model)[key] for key in ("estimator", "missing")},
            is_published=own.get("format") == "moments" or self.interval_of(model) == "monte_carlo",
        )

    def draw_jobs(self, cohort: str, model: str) -> int:
        """How many jobs share the draws of a model, by what they are predicted to take."""
        if self.interval_of(model) == "monte_carlo":
            return 1
        chunks = len(chunk_sizes(self.config["inference"]["draws"]))
        return workload.jobs(self.draw_seconds(cohort, model), self.seconds_a_job, chunks)

    def measures_digest(self, cohort: str) -> str:
        """Digest of the entries of config/measures.yaml that a cohort mentions, and of its shared parts."""
        dictionary = read_once(self.root / CONFIG / "measures.yaml")
        used = self.measures_of(cohort)
        entries = {name: entry for name, entry in dictionary["measures"].items() if name in used}
        shared = {key: value for key, value in dictionary.items() if key != "measures"}
        return digest_of({"entries": entries, "shared": shared})

    def files_of(self, cohort: str) -> tuple[Path, ...]:
        """Files a cohort's numbers hang on: data and config, relative to the study's folder."""
        names = [self.data_file(cohort), f"config/cohorts/{cohort}.yaml"]
        names += [f"config/models/{model}.yaml" for model in self.models_of(cohort)]
        return tuple(Path(name) for name in names)

    def inputs(self) -> dict[str, list[str]]:
        """Files behind each cohort's report; under "" those that all share."""
        shared = [f"config/{name}.yaml" for name in SHARED]
        shared += [name for name in OPTIONAL if (self.root / name).exists()]
        return {"": shared} | {name: [path.as_posix() for path in self.files_of(name)] for name in self.cohorts}

    def digests(self, cohort: str) -> dict[str, str]:
        """Digests a report shows: of the cohort's data file, its config, the study's, and files all cohorts share."""
        shared = [self.root / CONFIG / f"{name}.yaml" for name in ("claims", "decisions", "checks")]
        own = {"cohort": self.cohorts[cohort], "models": {name: self.models[name] for name in self.models_of(cohort)}}
        return {
            "data": sha256_file(self.root / self.data_file(cohort))[:12],
            "cohort_config": digest_of(own),
            "study_config": digest_of(self.config),
            **{path.stem: sha256_file(path)[:12] for path in shared if path.exists()},
        }


def load_study(root: Path = Path(), config: Mapping[str, Any] | None = None) -> Study:
    """Read the study in `root`; `config` replaces config/config.yaml when a caller has it already.

    Raises UserError with every mistake in the shape of the files, all at once.
    """
    study, problems = read_study(root, config)
    raise_if_any(problems)
    assert study is not None
    return study


def read_study(root: Path = Path(), config: Mapping[str, Any] | None = None) -> tuple[Study | None, list[Problem]]:
    """The study in `root` as far as its files can be read, and every mistake in their shape.

    Cohorts and models whose file has a mistake are left out of the study; None when config.yaml itself has one.
    """
    file = root / CONFIG / "config.yaml"
    problems: list[Problem] = []
    if config is None:
        config = _read(file, "config", problems)
    else:
        problems += check_shape(config, "config", file, shown=_shown(file, root))
    if problems or config is None:
        return None, problems
    filled = {**config, "inference": {**DEFAULT_INFERENCE, **config["inference"]}}
    seconds_a_job = float(filled.pop("run", {}).get("seconds_a_job", workload.SECONDS_A_JOB))
    cohorts = _read_all(root, "cohorts", "cohort", filled["cohorts"], problems)
    wanted = list(filled["models"])
    for cohort in cohorts.values():
        own = cohort.get("models", [])
        wanted += [name for name in own if name not in wanted] if isinstance(own, list) else []
    models = _read_all(root, "models", "model", wanted, problems)
    filled["models"] = [name for name in filled["models"] if name in models]
    cohorts = {
        name: {**cohort, "models": [one for one in cohort["models"] if one in models]} if "models" in cohort else cohort
        for name, cohort in cohorts.items()
    }
    _read_schematic(root, problems)
    return Study(root, filled, cohorts, models, _needs(models, root), seconds_a_job), problems


def _needs(models: Mapping[str, Mapping[str, Any]], root: Path) -> dict[str, frozenset[str]]:
    """The constructs each model's equations write out; what cannot be read is left to `check_study` to tell."""
    from kinechain.syntax import parse_model

    file = root / CONFIG / "measures.yaml"
    dictionary = read_once(file) if file.exists() else {}
    constructs = set(dictionary.get("constructs") or ()) if isinstance(dictionary, Mapping) else set()
    needs = {}
    for name, model in models.items():
        try:
            rows = parse_model(str(model.get("equations", "")))
        except UserError:
            rows = ()
        named = {part for row in rows for side in (row.lhs, row.rhs) for part in side.split(":")}
        needs[name] = frozenset(named & constructs)
    return needs


def _read_schematic(root: Path, problems: list[Problem]) -> None:
    """Where angles are drawn on the body, when config says so: its shape, and that each place is a measure."""
    file = root / CONFIG / "schematic.yaml"
    content = _read(file, "schematic", problems, root) if file.exists() else None
    dictionary = root / CONFIG / "measures.yaml"
    if content is None or not dictionary.exists():
        return
    known = list((read_once(dictionary) or {}).get("measures") or ())
    for name in content["places"]:
        if name not in known:
            problems.append(
                Problem(f"{_shown(file, root)}: places.{name}", "is not a measure", closest(str(name), known))
            )


def _read_all(
    root: Path, folder: str, schema: str, names: list[str], problems: list[Problem]
) -> dict[str, Mapping[str, Any]]:
    known = sorted(path.stem for path in (root / CONFIG / folder).glob("*.yaml"))
    found: dict[str, Mapping[str, Any]] = {}
    for name in names:
        file = root / CONFIG / folder / f"{name}.yaml"
        if name not in known:
            shown = _shown(file, root)
            what = f"the {schema} `{name}` is named in the config but has no file"
            problems.append(Problem(shown, what, closest(name, known) or f"Write {shown}"))
            continue
        content = _read(file, schema, problems, root)
        if content is None:
            continue
        if schema == "model" and content.get("name", name) != name:
            what = f"`name` = `{content['name']}` differs from the file's name"
            problems.append(Problem(_shown(file, root), what, f"Write `name: {name}` or rename the file"))
        found[name] = content
    return found


def _read(file: Path, schema: str, problems: list[Problem], root: Path | None = None) -> Mapping[str, Any] | None:
    shown = _shown(file, root or file.parent.parent)
    try:
        content = read_once(file)
    except UserError as error:
        problems.extend(error.problems)
        return None
    if not isinstance(content, Mapping):
        problems.append(
            Problem(shown, "the file is empty or not a mapping of keys", "See config/README.md for its keys")
        )
        return None
    mistakes = check_shape(content, schema, file, shown=shown)
    problems.extend(mistakes)
    if mistakes and schema == "cohort":
        from kinechain.cohort_spec import open_questions

        places = yaml_positions(file)
        problems += [Problem(where(one.path, places, shown), one.what, one.remedy) for one in open_questions(content)]
    if mistakes and schema == "model":  # a misspelt key that it can do without does not hide what is wrong elsewhere
        content = {key: value for key, value in content.items() if key in load_schema(schema)["properties"]}
        mistakes = check_shape(content, schema, file, shown=shown)
    return None if mistakes else content


def _shown(file: Path, root: Path) -> str:
    try:
        return file.relative_to(root).as_posix()
    except ValueError:
        return file.as_posix()


def digest_of(value: Any) -> str:
    """First 12 hex digits of the sha256 of a value's json: equal values have equal digests."""
    return hashlib.sha256(json_text(value).encode()).hexdigest()[:12]


Built: TypeAlias = "dict[tuple[str, frozenset[str]], ModelSpec]"
"""Models by the digest of their file and the variables a cohort has."""


def check_study(study: Study, loaded: dict[str, Cohort] | None = None) -> list[Problem]:
    """Every mistake in the study that can be known before anything is fitted: cohorts and data, models, claims.

    loaded  where the cohorts that could be read are put, for who wants to look at them further

    Files of a wrong shape were refused by `load_study`; here their meaning is checked, and against the data.
    """
    from kinechain.preflight import load_cohort

    config = study.root / CONFIG
    problems: list[Problem] = []
    specs: dict[str, ModelSpec] = {}
    built: Built = {}
    plan = _read_plan(study, problems) if any(map(study.is_trial, study.cohorts)) else None
    for name in study.cohorts:
        try:
            cohort = load_cohort(name, config)
        except UserError as error:
            problems += error.problems
        else:
            if loaded is not None:
                loaded[name] = cohort
            problems += _check_visits(cohort, plan)
            problems += _check_models(study, cohort, specs, built)
    return list(dict.fromkeys(problems + _check_claims(study, specs)))


def _read_plan(study: Study, problems: list[Problem]) -> TrialPlan | None:
    """The analysis plan of trials; None, with the reasons added, when it cannot be used."""
    from kinechain.trials import check_plan, parse_plan

    content = _read(study.root / CONFIG / "trial.yaml", "trial", problems, study.root)
    if content is None:
        return None
    try:
        plan = parse_plan(content)
    except UserError as error:
        problems += error.problems
        return None
    problems += check_plan(plan, read_once(study.root / CONFIG / "measures.yaml")["constructs"])
    return plan


def _check_visits(cohort: Cohort, plan: TrialPlan | None) -> list[Problem]:
    from kinechain.trials import check_trial, check_visits

    if cohort.design == "trial" and plan is not None:
        return check_trial(cohort, plan)
    return list(check_visits(cohort))


def _check_models(study: Study, cohort: Cohort, specs: dict[str, ModelSpec], built: Built) -> list[Problem]:
    """Mistakes in the models of a cohort.

    specs  where each model is put by its name, for claims
    built  models by name, method and variables: those of cohorts that measure the same are read once
    """
    from kinechain.effect_plan import contrast_problems
    from kinechain.model_preflight import check_model
    from kinechain.preflight import read_threshold
    from kinechain.spec import build_spec

    problems: list[Problem] = []
    threshold = read_threshold(study.root / CONFIG)
    if not study.models_of(cohort.name):
        lacking = sorted({name for names in study.left_out(cohort.name).values() for name in names})
        what = f"no model of the study can be fitted: none does without {', '.join(f'`{name}`' for name in lacking)}"
        remedy = "Name what measures them under `constructs`, or list models of its own under `models`"
        return [Problem(f"config/cohorts/{cohort.name}.yaml", what, remedy)]
    for name in study.models_of(cohort.name):
        where = f"config/models/{name}.yaml"
        texts = texts_in_place(study.root / where)
        mapping = {**study.models[name], **study.method_of(cohort.name, name), **texts}
        try:
            key = (digest_of(mapping), frozenset(cohort.variables))
            spec = built.get(key) or build_spec(mapping, study.config.get("macros", {}), cohort.variables, where)
            built[key] = spec
            found = contrast_problems(spec)
            if not found:
                specs[name] = spec
                found = check_model(spec, cohort) + _check_order(spec, cohort)
        except UserError as error:
            found = [_with_facts(problem, cohort, threshold) for problem in error.problems]
        problems += [Problem(one.where, f"{one.what} (cohort `{cohort.name}`)", one.remedy) for one in found]
    return problems


def _with_facts(problem: Problem, cohort: Cohort, threshold: int) -> Problem:
    """A remedy that names a variable, with its unit and the people who have it; counts under the threshold stay out."""
    from kinechain.disclosure import masked_count

    match = re.match(r"Did you mean `(\w+)`\?", problem.remedy)
    if not match or match[1] not in cohort.variables:
        return problem
    codebook = cohort.extra.get("codebook", ())
    unit = next((entry["unit"] for entry in codebook if match[1] in (entry["measure"], entry["construct"])), "")
    n = cohort.n if cohort.people is None else int(cohort.people[match[1]].notna().sum())
    gap_is_small = masked_count(cohort.n - n, threshold) is None
    told = f"n ≥ {n - n % threshold}" if gap_is_small else f"n = {n}"
    facts = ", ".join(part for part in (unit, told if n >= threshold else "") if part)
    return Problem(problem.where, problem.what, f"Did you mean `{match[1]}` ({facts})?{problem.remedy[match.end() :]}")


def _check_order(spec: ModelSpec, cohort: Cohort) -> list[Problem]:
    """Causes measured after what they are said to cause, and arms said to be caused."""
    from kinechain.trials import check_time_order

    arms = tuple(name for name in cohort.variables if name.startswith("arm_"))
    observed = set(spec.table.observed)
    paths = [(row.lhs, row.rhs) for row in spec.table.rows if row.op == "~" and {row.lhs, row.rhs} <= observed]
    return check_time_order(spec.where, paths, cohort.visits, arms, cohort.plain)


def _units_of_constructs(study: Study, units: Mapping[str, str]) -> dict[str, str]:
    """Unit of each construct that every cohort measures in one unit."""
    seen: dict[str, set[str]] = {}
    for cohort in study.cohorts.values():
        for construct, measure in (cohort.get("constructs") or {}).items():
            if construct not in units:
                seen.setdefault(construct, set()).add(units.get(measure, ""))
    return {construct: next(iter(found)) for construct, found in seen.items() if len(found) == 1}


def _check_claims(study: Study, specs: Mapping[str, ModelSpec]) -> list[Problem]:
    from kinechain.checks.preflight import check_questions
    from kinechain.decisions import parse_decisions
    from kinechain.evidence.claim import parse_claims
    from kinechain.evidence.preflight import check_claims

    config = study.root / CONFIG
    dictionary = read_once(config / "measures.yaml")
    names = {*dictionary["measures"], *dictionary["constructs"]}
    units = {name: str(entry.get("unit", "")) for name, entry in dictionary["measures"].items()}
    units |= _units_of_constructs(study, units)
    owners = {name: str(entry.get("construct", "")) for name, entry in dictionary["measures"].items()}
    problems: list[Problem] = []
    content = {name: _read(config / f"{name}.yaml", name, problems, study.root) for name in ("claims", "decisions")}
    asked = _read(config / "checks.yaml", "checks", problems, study.root) if (config / "checks.yaml").exists() else None
    if problems:
        return problems
    try:
        claims = parse_claims(content["claims"] or {})
        decisions = parse_decisions(content["decisions"] or {})
    except UserError as error:
        return list(error.problems)
    reference = str(study.config.get("report", {}).get("main_model", ""))
    written = [file.stem for file in (config / "models").glob("*.yaml")]
    named = (*written, *ANALYSES)
    problems = check_claims(claims, decisions, specs, names, units, owners, reference=reference, named=named)
    if asked is not None:
        paths = {claim.id: claim.tests[0].effect for claim in claims}
        macros = study.config.get("macros", {})
        problems += check_questions(asked, paths, specs, names, units, decisions, macros, written)
    return problems
