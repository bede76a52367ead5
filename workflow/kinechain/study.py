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
from typing import TYPE_CHECKING, Any

from kinechain.errors import Problem, UserError, closest, raise_if_any
from kinechain.io import json_text, read_json, read_yaml, sha256_file, write_json
from kinechain.schema import check_shape

if TYPE_CHECKING:
    from kinechain.cohort import Cohort
    from kinechain.spec import ModelSpec

CONFIG = Path("config")
SHARED = ("config", "measures", "claims", "decisions", "checks", "trial")
"""Config files that all cohorts share."""
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
    """

    root: Path
    config: Mapping[str, Any]
    cohorts: Mapping[str, Mapping[str, Any]]
    models: Mapping[str, Mapping[str, Any]]

    def models_of(self, cohort: str) -> tuple[str, ...]:
        """Names of the models fitted to a cohort: its own list, else the study's."""
        return tuple(self.cohorts[cohort].get("models", self.config.get("models", ())))

    def data_file(self, cohort: str) -> str:
        """The cohort's file, relative to the study's folder."""
        return str(self.cohorts[cohort]["file"])

    def measures_of(self, cohort: str) -> tuple[str, ...]:
        """Names of the measures a cohort's columns and constructs mention."""
        columns = self.cohorts[cohort].get("columns") or {}
        named = {
            str(column["measure"]) for column in columns.values() if isinstance(column, Mapping) and "measure" in column
        }
        named |= {str(measure) for measure in (self.cohorts[cohort].get("constructs") or {}).values()}
        return tuple(sorted(named))

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

    def choices_of_checks(self, cohort: str) -> dict[str, Any]:
        """What the checks of a cohort hang on besides its files: macros, methods, the effect of each claim."""
        claims = read_yaml(self.root / CONFIG / "claims.yaml")
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

    def measures_digest(self, cohort: str) -> str:
        """Digest of the entries of config/measures.yaml that a cohort mentions, and of its shared parts."""
        dictionary = read_yaml(self.root / CONFIG / "measures.yaml")
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
        return {"": shared} | {name: [path.as_posix() for path in self.files_of(name)] for name in self.cohorts}

    def digests(self, cohort: str) -> dict[str, str]:
        """Digests a report shows: of the cohort's data file, of its config, of the study's config."""
        own = {"cohort": self.cohorts[cohort], "models": {name: self.models[name] for name in self.models_of(cohort)}}
        return {
            "data": sha256_file(self.root / self.data_file(cohort))[:12],
            "cohort_config": digest_of(own),
            "study_config": digest_of(self.config),
        }


def load_study(root: Path = Path(), config: Mapping[str, Any] | None = None) -> Study:
    """Read the study in `root`; `config` replaces config/config.yaml when a caller has it already.

    Raises UserError with every mistake in the shape of the files, all at once.
    """
    file = root / CONFIG / "config.yaml"
    problems: list[Problem] = []
    if config is None:
        config = _read(file, "config", problems)
    else:
        problems += check_shape(config, "config", file, shown=_shown(file, root))
    raise_if_any(problems)
    assert config is not None
    filled = {**config, "inference": {**DEFAULT_INFERENCE, **config["inference"]}}
    cohorts = _read_all(root, "cohorts", "cohort", filled["cohorts"], problems)
    wanted = list(filled["models"])
    for cohort in cohorts.values():
        own = cohort.get("models", [])
        wanted += [name for name in own if name not in wanted] if isinstance(own, list) else []
    models = _read_all(root, "models", "model", wanted, problems)
    raise_if_any(problems)
    return Study(root, filled, cohorts, models)


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
        content = read_yaml(file)
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
    return None if mistakes else content


def _shown(file: Path, root: Path) -> str:
    try:
        return file.relative_to(root).as_posix()
    except ValueError:
        return file.as_posix()


def digest_of(value: Any) -> str:
    """First 12 hex digits of the sha256 of a value's json: equal values have equal digests."""
    return hashlib.sha256(json_text(value).encode()).hexdigest()[:12]


def check_study(study: Study) -> list[Problem]:
    """Every mistake in the study that can be known before anything is fitted: cohorts and data, models, claims.

    Files of a wrong shape were refused by `load_study`; here their meaning is checked, and against the data.
    """
    from kinechain.preflight import load_cohort

    config = study.root / CONFIG
    problems: list[Problem] = []
    specs: dict[str, ModelSpec] = {}
    for name in study.cohorts:
        try:
            cohort = load_cohort(name, config)
        except UserError as error:
            problems += error.problems
        else:
            problems += _check_models(study, cohort, specs)
    return list(dict.fromkeys(problems + _check_claims(study, specs)))


def _check_models(study: Study, cohort: Cohort, specs: dict[str, ModelSpec]) -> list[Problem]:
    from kinechain.model_preflight import check_model
    from kinechain.spec import build_spec

    problems: list[Problem] = []
    for name in study.models_of(cohort.name):
        mapping = {**study.models[name], **study.method_of(cohort.name, name)}
        where = f"config/models/{name}.yaml"
        try:
            specs[name] = build_spec(mapping, study.config.get("macros", {}), cohort.variables, where)
            found = check_model(specs[name], cohort)
        except UserError as error:
            found = list(error.problems)
        problems += [Problem(one.where, f"{one.what} (cohort `{cohort.name}`)", one.remedy) for one in found]
    return problems


def _check_claims(study: Study, specs: Mapping[str, ModelSpec]) -> list[Problem]:
    from kinechain.checks.plan import check_questions
    from kinechain.decisions import parse_decisions
    from kinechain.evidence import check_claims, parse_claims

    config = study.root / CONFIG
    dictionary = read_yaml(config / "measures.yaml")
    names = {*dictionary["measures"], *dictionary["constructs"]}
    units = {name: str(entry.get("unit", "")) for name, entry in dictionary["measures"].items()}
    problems: list[Problem] = []
    files = {name: _read(config / f"{name}.yaml", name, problems, study.root) for name in ("claims", "decisions")}
    asked = _read(config / "checks.yaml", "checks", problems, study.root) if (config / "checks.yaml").exists() else None
    if problems:
        return problems
    try:
        claims = parse_claims(files["claims"] or {})
        decisions = parse_decisions(files["decisions"] or {})
    except UserError as error:
        return list(error.problems)
    reference = str(study.config.get("report", {}).get("main_model", ""))
    problems = check_claims(claims, decisions, specs, names, units, reference=reference)
    if asked is not None:
        paths = {claim.id: claim.tests[0].effect for claim in claims}
        problems += check_questions(asked, paths, specs, names, units, decisions)
    return problems


def check_once(study: Study) -> None:
    """Raise UserError with every mistake in the study, unless these very files were found good before.

    What was found good is remembered in data/derived/checked.json, by the digests of config, data and package.
    """
    seen = study.root / "data" / "derived" / "checked.json"
    digest = _digest_of_files(study)
    if seen.exists() and read_json(seen).get("digest") == digest:
        return
    raise_if_any(check_study(study))
    write_json({"digest": digest}, seen)


def _digest_of_files(study: Study) -> str:
    names = sorted({name for names in study.inputs().values() for name in names})
    package = sorted(Path(__file__).parent.rglob("*.py"))
    digests = [sha256_file(study.root / name) for name in names] + [sha256_file(path) for path in package]
    return digest_of([names, digests])
