"""`kinechain fit`: one model, one data file, one record."""

from __future__ import annotations

import argparse
import difflib
import os
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kinechain import io
from kinechain.effect_plan import contrast_problems
from kinechain.errors import Problem, UserError, closest, raise_if_any
from kinechain.estimators import ESTIMATORS, fit_model
from kinechain.fit import Fit
from kinechain.fit_record import fit_record
from kinechain.parameter_rows import GROUP_EQUALITIES
from kinechain.places import texts_in_place
from kinechain.sample import DataError
from kinechain.spec import ModelSpec, build_spec, spec_from_text

if TYPE_CHECKING:
    from kinechain.numerics.moments import Moments

EXIT_NOT_CONVERGED = 3
MEAN_ROW = "mean"
"""Name of the row of means under a table of moments."""
INTERVALS = ("percentile", "bc", "bca", "monte_carlo")
LEVEL = 0.95
MOST_PEOPLE = 10_000_000_000
"""More than anybody can have measured: a slip of the keyboard."""
MOST_DRAWS = 1_000_000
"""Draws whose limits have a Monte Carlo error nobody can see, and which still fit into memory."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the contract in design.md."""
    add = parser.add_argument
    add("model", type=Path, help="model file: lavaan syntax (.lav) or a model yaml")
    add("--data", type=Path, help="csv (or parquet) with a row a person and names in the first line")
    add(
        "--moments",
        type=Path,
        help="square csv of covariances with names in first row and column; a row `mean` may follow",
    )
    add("--n", type=_people, help="people behind the moments")
    add("--estimator", type=str.lower, help=f"one of {', '.join(ESTIMATORS)}")
    add("--missing", choices=("listwise", "fiml"), help="what to do with gaps")
    add("--cluster", help="column that names clusters: robust standard errors")
    add(
        "--fixed-x",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="take exogenous moments as given (default)",
    )
    add("--meanstructure", action="store_true", default=None, help="estimate intercepts")
    add("--growth", action="store_true", default=None, help="growth curve: free latent means, zero intercepts")
    add("--group", help="column that names groups")
    add("--group-equal", help=f"held equal across groups: {', '.join(GROUP_EQUALITIES)}")
    add("--ordered", help="columns with ordered categories, separated by commas (default estimator: wlsmv)")
    add("--rescale", action=argparse.BooleanOptionalAction, default=True, help="moments have divisor n - 1 (default)")
    add("--draws", type=int, help="resampling draws for intervals of effects")
    add("--interval", choices=INTERVALS, help="kind of interval (default percentile)")
    add("--level", type=float, help="level of the intervals (default 0.95)")
    add("--seed", type=int, default=0, help="seed of everything random (default 0)")
    add("--against", type=Path, help="a second model, nested in the first or the other way round: tested against it")
    add("--json", help="where the record goes: a file, or - for standard output")


def _people(text: str) -> int:
    """A number of people; argparse shows the reason beside the option."""
    if not re.fullmatch(r"[0-9]+", text) or not 2 <= int(text[:20]) <= MOST_PEOPLE:
        raise argparse.ArgumentTypeError(f"`{text[:20]}` is not a whole number of people from 2 to {MOST_PEOPLE:,}")
    return int(text)


def run(arguments: argparse.Namespace) -> int:
    """Fit, write the record, and return 0 when an optimum was reached and 3 when it was not."""
    _check_arguments(arguments)
    data = _read_data(arguments)
    spec = _read_spec(arguments, data)
    _check_moments_fit(spec, arguments)
    try:
        fit = fit_model(spec, data, seed=arguments.seed)
        record = fit_record(fit)
        if arguments.against is not None:
            record["comparison"] = _compare(fit, data, arguments)
        if arguments.draws is not None:
            record |= _draw(fit, data, arguments)
    except DataError as error:
        raise error.found_in(str(arguments.data or arguments.moments)) from None
    _write(record, fit, arguments)
    return 0 if fit.status.has_numbers else EXIT_NOT_CONVERGED


def _check_arguments(arguments: argparse.Namespace) -> None:
    where = "kinechain fit"
    if (arguments.data is None) == (arguments.moments is None):
        what = "the data are not named" if arguments.data is None else "--data and --moments exclude one another"
        raise UserError(Problem(where, what, "Give either --data FILE or --moments FILE --n N"))
    if arguments.data is not None and arguments.n is not None:
        raise UserError(Problem(where, "--n belongs to --moments; with --data people are counted", "Leave it out"))
    for option, needed, given, other in (
        ("--interval", "--draws", arguments.interval, arguments.draws),
        ("--level", "--draws", arguments.level, arguments.draws),
    ):
        if given is not None and other is None:
            raise UserError(Problem(where, f"{option} changes nothing without {needed}", f"Add {needed} 10000"))
    if arguments.moments is not None and arguments.n is None:
        raise UserError(Problem(where, "--moments needs the number of people behind them", "Add --n N, 2 or more"))
    if arguments.estimator and arguments.estimator not in ESTIMATORS:
        what = f"--estimator {arguments.estimator} is unknown"
        raise UserError(Problem(where, what, closest(arguments.estimator, ESTIMATORS)))
    if arguments.level is not None and not 0.0 < arguments.level < 1.0:
        raise UserError(Problem(where, f"--level {arguments.level:g} is not between 0 and 1", "Write 0.95 for 95 %"))
    if arguments.draws is not None and arguments.draws < 1:
        raise UserError(Problem(where, f"--draws {arguments.draws} is too few", "5,000 or more give stable limits"))
    if arguments.draws is not None and arguments.draws > MOST_DRAWS:
        what = f"--draws {arguments.draws} is more than {MOST_DRAWS:,}"
        raise UserError(Problem(where, what, "10,000 give stable limits"))
    if arguments.seed < 0:
        raise UserError(Problem(where, f"--seed {arguments.seed} is negative", "Write a whole number from 0"))


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise UserError(_absent(path)) from None
    except UnicodeDecodeError:
        raise UserError(Problem(str(path), "this is not UTF-8 text", "Save it as UTF-8")) from None
    except OSError as error:
        raise UserError(_unreadable(path, error)) from None


def _absent(path: Path) -> Problem:
    """The file is not there: one beside it with a similar name is offered."""
    beside = [other.name for other in path.parent.iterdir() if other.is_file()] if path.parent.is_dir() else []
    near = difflib.get_close_matches(path.name, beside, n=1)
    remedy = f"Did you mean `{near[0]}`?" if near else "Check the name and the folder"
    return Problem(str(path), "this file does not exist", remedy)


def _unreadable(path: Path, error: OSError) -> Problem:
    return Problem(str(path), f"cannot be read: {error.strerror}", "Name a file that you may read")


def _read_spec(arguments: argparse.Namespace, data: Any) -> ModelSpec:
    """The model file, with what the command line adds or overrides."""
    path: Path = arguments.model
    words = {
        "group": arguments.group,
        "cluster": arguments.cluster,
        "fixed_x": arguments.fixed_x,
        "meanstructure": arguments.meanstructure,
        "growth": arguments.growth,
        "group_equal": _words(arguments.group_equal),
        "ordered": _words(arguments.ordered),
    }
    options = {key: value for key, value in words.items() if value not in (None, ())}
    estimator = arguments.estimator
    if not estimator and arguments.ordered and path.suffix.lower() not in (".yaml", ".yml"):
        estimator = "wlsmv"
    choices = {
        key: value for key, value in (("estimator", estimator), ("missing", arguments.missing)) if value is not None
    }
    text = _read_text(path)
    if path.suffix.lower() not in (".yaml", ".yml"):
        if not text.strip():
            raise UserError(Problem(str(path), "the model is empty", "Write at least one equation, such as y ~ x"))
        spec = spec_from_text(text, path.stem, str(path), **choices, **options, rescale=arguments.rescale)
    else:
        mapping = io.read_yaml(path)
        if not isinstance(mapping, dict):
            raise UserError(Problem(str(path), "this is not a model file", "It needs keys such as `equations`"))
        available = data.names if hasattr(data, "names") else [str(column) for column in data.columns]
        mapping = {**mapping, **texts_in_place(path), **choices, **options}
        spec = build_spec(mapping, _study_macros(path), available, str(path))
        raise_if_any(contrast_problems(spec))
        spec = replace(spec, options=replace(spec.options, rescale=arguments.rescale))
    if spec.options.group_equal and not spec.options.group:
        what = f"{', '.join(spec.options.group_equal)} cannot be held equal without groups"
        raise UserError(Problem(str(path), what, "Name the column of the groups with --group"))
    if spec.estimator not in ESTIMATORS:
        raise UserError(
            Problem(str(path), f"estimator `{spec.estimator}` is unknown", closest(spec.estimator, ESTIMATORS))
        )
    return spec


def _words(text: str | None) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip()) if text else ()


def _study_macros(path: Path) -> dict[str, Any]:
    """Macros of the study a model yaml belongs to: the nearest config.yaml above it."""
    for folder in path.resolve().parents:
        for config in (folder / "config.yaml", folder / "config" / "config.yaml"):
            if config.is_file():
                content = io.read_yaml(config)
                return dict(content.get("macros") or {}) if isinstance(content, dict) else {}
    return {}


def _read_data(arguments: argparse.Namespace) -> Any:
    if arguments.moments is not None:
        return _read_moments(arguments.moments, arguments.n, is_rescaled=arguments.rescale)
    path: Path = arguments.data
    return _read_parquet(path) if path.suffix.lower() == ".parquet" else _read_csv(path)


def _read_parquet(path: Path) -> Any:
    from pyarrow import ArrowInvalid

    if not path.exists():
        raise UserError(_absent(path))
    try:
        return io.read_table(path)
    except (ArrowInvalid, OSError, UserError):
        raise UserError(Problem(str(path), "this is not a parquet file", "Export the data again")) from None


def _read_csv(path: Path) -> Any:
    """A csv as a data frame; what is not a table is told in one line."""
    import csv

    import pandas as pd

    if not path.exists():
        raise UserError(_absent(path))
    if path.is_dir():
        raise UserError(Problem(str(path), "this is a folder, not a file", "Name the csv file in it"))
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            header = next(csv.reader(file), [])
    except (UnicodeDecodeError, csv.Error):
        raise UserError(Problem(str(path), "this is not a csv in UTF-8", "Save it as UTF-8 csv")) from None
    except OSError as error:
        raise UserError(_unreadable(path, error)) from None
    if any("\0" in name for name in header):
        raise UserError(Problem(str(path), "this is not a csv in UTF-8", "Save it as UTF-8 csv"))
    if not any(name.strip() for name in header):
        raise UserError(Problem(str(path), "the file is empty", "Its first line must hold the column names"))
    if len(header) == 1 and (";" in header[0] or "\t" in header[0]):
        raise UserError(Problem(str(path), "columns seem to be separated by `;` or tabs", "Save it with commas"))
    names = [name.strip() for name in header if name.strip()]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UserError(Problem(str(path), f"the column `{twice[0]}` appears more than once", "Rename one of them"))
    try:
        frame = pd.read_csv(path, encoding="utf-8-sig", index_col=False, low_memory=False)
    except (ValueError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        reason = " ".join(str(error).split()).removeprefix("Error tokenizing data. C error: ")
        what = f"this cannot be read as csv: {reason}"
        raise UserError(Problem(str(path), what, "Mend that line, or export the data again")) from None
    frame.columns = [str(name).strip() for name in frame.columns]
    return frame


def _read_moments(path: Path, n: int, *, is_rescaled: bool) -> Moments:
    """Moments from a square table, with a last row `mean` if there is one; else the means count as zero.

    An empty upper (or lower) triangle is filled from the other.
    """
    import numpy as np

    from kinechain.numerics.moments import Moments, moments_from_published

    frame = _read_csv(path)
    names = tuple(str(name) for name in frame.columns[1:])
    labels = tuple(str(name).strip() for name in frame.iloc[:, 0])
    has_means = labels == (*names, MEAN_ROW)
    if labels != names and not has_means:
        what = (
            f"the first column must repeat the {len(names)} names of the first row, in the same order (a last row "
            f"`{MEAN_ROW}` may follow)"
        )
        raise UserError(Problem(str(path), what, "Correct it, or give a table of people with --data"))
    try:
        table = frame.iloc[:, 1:].to_numpy(dtype=np.float64)
    except (TypeError, ValueError):
        what = "the table holds text where numbers are needed"
        raise UserError(
            Problem(str(path), what, "Correct it; an empty cell is filled from the other triangle")
        ) from None
    S = table[: len(names)]
    S = np.where(np.isnan(S), S.T, S)
    mean = table[-1] if has_means else np.zeros(len(names))
    if not np.isfinite(mean).all():
        raise UserError(Problem(str(path), f"the row `{MEAN_ROW}` has gaps", "Give every mean, or leave the row out"))
    return moments_from_published(names, mean, S, n) if is_rescaled else Moments(names, mean, S, n)


def _check_moments_fit(spec: ModelSpec, arguments: argparse.Namespace) -> None:
    """What a table of moments cannot tell."""
    if arguments.moments is None:
        return
    place = str(arguments.moments)
    if spec.missing == "fiml":
        what = "a table of moments holds no people, so missing: fiml changes nothing"
        raise UserError(Problem(place, what, "Leave fiml out, or use --data"))
    if spec.table.has_means and not _has_means(arguments.moments):
        what = f"the table has no last row `{MEAN_ROW}`, so intercepts cannot be estimated from it"
        raise UserError(Problem(place, what, "Add the means, or leave out intercepts and --meanstructure"))


def _has_means(path: Path) -> bool:
    return [str(label).strip() for label in _read_csv(path).iloc[:, 0]][-1:] == [MEAN_ROW]


def _compare(fit: Fit, data: Any, arguments: argparse.Namespace) -> dict[str, Any]:
    """Likelihood-ratio test of the smaller of the two models, under the same options, against the larger."""
    from kinechain.comparison import compare_fits

    spec = _read_spec(argparse.Namespace(**{**vars(arguments), "model": arguments.against}), data)
    _check_moments_fit(spec, arguments)
    other = fit_model(spec, data, seed=arguments.seed)
    pair = sorted((fit, other), key=lambda one: -one.measures.get("df", 0.0))
    found = compare_fits(*pair)
    return {
        "restricted": pair[0].spec.name,
        "general": pair[1].spec.name,
        "chisq_difference": found.chisq_difference,
        "df_difference": found.df_difference,
        "pvalue": found.p_value,
        "scaled": found.is_scaled,
    }


def _draw(fit: Fit, data: Any, arguments: argparse.Namespace) -> dict[str, Any]:
    """Resampling intervals of every effect, and how the draws were made, where the fit has numbers to draw around."""
    from kinechain.numerics.streams import Scheme
    from kinechain.resampling import draw_effects, findings, interval_table
    from kinechain.resampling.drawing import labels_of
    from kinechain.resampling.refit import needs_refit

    if not fit.status.has_numbers:
        return {"effects": []}
    interval = arguments.interval or ("monte_carlo" if arguments.moments is not None else "percentile")
    cluster = fit.spec.options.cluster
    scheme = Scheme.CLUSTER if cluster else Scheme.MULTINOMIAL
    if interval == "monte_carlo":
        scheme = Scheme.MONTE_CARLO
    draws = draw_effects(
        fit.spec,
        data,
        seed=arguments.seed,
        draws=arguments.draws,
        cohort=fit.spec.name,
        scheme=scheme,
        cluster=labels_of(data, cluster) if cluster else None,
        accelerate=interval == "bca",
        cores=(os.cpu_count() or 1) if needs_refit(fit.spec) else 1,
    )
    for finding in findings(draws):
        print(f"{finding.level}: {finding.what}.", file=sys.stderr)
    table = interval_table(draws, interval, LEVEL if arguments.level is None else arguments.level)
    from kinechain.effects import estimate_effects

    estimates = estimate_effects(fit).set_index("effect")["estimate"]
    effects = [
        {
            "name": row["effect"],
            "est": float(estimates.get(row["effect"], float("nan"))),
            "se": float(row["std_error"]),
            "ci_lower": float(row["low"]),
            "ci_upper": float(row["high"]),
            "interval": row["interval"],
            "draws": int(row["draws"]),
            "failed_draws": draws.failed,
        }
        for row in table.to_dict("records")
    ]
    made = {
        "method": draws.method,
        "scheme": draws.scheme.name.lower(),
        "seed": draws.seed,
        "attempted": draws.attempted,
        "failed": draws.failed,
        "status": "usable" if draws.is_usable else "too_many_failed",
    }
    return {"effects": effects, "resampling": made}


def _write(record: dict[str, Any], fit: Fit, arguments: argparse.Namespace) -> None:
    if arguments.json == "-":
        sys.stdout.write(io.json_text(record))
        return
    if arguments.json:
        try:
            io.write_json(record, Path(arguments.json))
        except OSError as error:
            raise UserError(
                Problem(arguments.json, f"cannot be written: {error.strerror}", "Name another file")
            ) from None
    print(describe_fit(record, fit))


def describe_fit(record: dict[str, Any], fit: Fit) -> str:
    """The fit in a screenful: status, people, fit, and the parameters with their standard errors."""
    head = f"{fit.spec.name}: {record['status']}"
    if record["status_text"]:
        head += f" - {record['status_text']}"
    lines = [head, f"{fit.n} people, {record['n_dropped']} rows left out, estimator {fit.estimator}"]
    lines += [f"  {count} rows: {reason}" for reason, count in record["dropped"].items()]
    if fit.status.has_numbers:
        m = fit.measures
        names = ("chisq", "df", "pvalue", "cfi", "tli", "rmsea", "srmr")
        lines.append("  ".join(f"{name} {m[name]:.4g}" for name in names if name in m))
        if "comparison" in record:
            test = record["comparison"]
            lines.append(
                f"{test['restricted']} against {test['general']}: {'scaled ' if test['scaled'] else ''}chisq "
                f"{test['chisq_difference']:.4g}  df {test['df_difference']}  pvalue {test['pvalue']:.4g}"
            )
        for row in record["parameters"]:
            if row["exo"] or row["op"] in ("==", "<", ">"):
                continue
            name = f"{row['lhs']} {row['op']} {row['rhs']}"
            lines.append(f"  {name:<32} {row['est']:>12.5g} {row['se']:>11.4g} {row['std_all']:>9.4f}")
    return "\n".join(lines)
