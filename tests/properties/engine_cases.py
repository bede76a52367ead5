"""Generated models and data, many of them bad, and the one promise about them: an answer, or one clear line."""

from __future__ import annotations

import contextlib
import io
import json
import math
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
from hypothesis import strategies as st

from kinechain.cli import main

HANG_SECONDS = 10
COLUMNS = (
    "x",
    "y",
    "m",
    "z",
    "u",
    "w",
    "a1",
    "größe",
    "变量",
    "if",
    "lambda",
    "NA",
    "c",
    "start",
    "exp",
    "t1",
    "x.1",
    "None",
)
LATENT = ("f", "g", "F1", "x")
LABELS = ("a", "b", "c1", "p.q", "β", "x", "exp")
KINDS = (
    "normal", "normal", "normal", "normal", "follows", "follows", "follows", "classes", "binary", "count", "constant",
    "empty", "infinite", "huge", "tiny", "mostly_missing", "some_missing", "copy", "sum", "text", "outlier", "whole",
)  # fmt: skip


class Hang(BaseException):
    """The engine did not answer in time; no `except Exception` can swallow it."""


@dataclass(frozen=True, slots=True)
class EngineCase:
    """One call of the command line: model text, csv text and options."""

    model: str
    table: str
    options: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it.

    said     status of the fit, or refused, traceback, hang
    seconds  how long it took
    broken   what broke the promise, "" when nothing did
    line     what was told in a refusal
    """

    said: str
    seconds: float
    broken: str = ""
    line: str = ""


@st.composite
def _terms(draw: Any, names: tuple[str, ...], most: int = 4) -> str:
    terms = []
    for _ in range(draw(st.integers(1, most))):
        name = draw(st.sampled_from(names))
        if draw(st.integers(0, 11)) == 0:
            name = f"{name}:{draw(st.sampled_from(names))}"
        modifier = draw(
            st.sampled_from(("", "", "", "", "", "label", "number", "NA", "start", "equal", "vector", "odd", "lower"))
        )
        label = draw(st.sampled_from(LABELS))
        before = {
            "label": f"{label}*",
            "number": f"{draw(st.sampled_from((0, 1, -0.5, 1e6, 1e-9)))}*",
            "NA": "NA*",
            "start": f"start({draw(st.sampled_from((0, 0.3, 1e8)))})*",
            "equal": f'equal("{label}")*',
            "vector": f"c({label},b)*",
            "odd": draw(st.sampled_from(("2*3*", "foo(1)*", "c()*", "**", "a*b*"))),
            "lower": f"lower(0)*{label}*",
        }.get(modifier, "")
        terms.append(before + name)
    return " + ".join(terms)


def _others(draw: Any, names: tuple[str, ...], left: str) -> tuple[str, ...]:
    """Names that may stand right of `left`: seldom itself."""
    others = tuple(name for name in names if name != left)
    return others if others and draw(st.integers(0, 40)) else names


@st.composite
def models(draw: Any, names: tuple[str, ...]) -> str:
    """Model text: mostly sensible, sometimes mangled, sometimes noise."""
    if draw(st.integers(0, 24)) == 0:
        return draw(st.text(max_size=60))
    lines = []
    for _ in range(draw(st.integers(0 if draw(st.integers(0, 30)) == 0 else 1, 6))):
        kind = draw(
            st.sampled_from(("~", "~", "~", "~", "~", "~~", "=~", "=~", "~1", ":=", "==", ">", "|", "~*~", "comment"))
        )
        left = draw(st.sampled_from(names))
        label, other = draw(st.sampled_from(LABELS)), draw(st.sampled_from(LABELS))
        lines.append(
            {
                "=~": lambda: f"{draw(st.sampled_from(LATENT))} =~ {draw(_terms(names, 5))}",
                "~1": lambda left=left: f"{left} ~ {draw(st.sampled_from(('1', '0', 'i*1', '0*1')))}",
                ":=": lambda label=label, other=other: (
                    f"{draw(st.sampled_from(('d', 'ind', 'a')))} := "
                    + draw(
                        st.sampled_from(
                            (f"{label}*{other}", f"{label}/({other}-{other})", "exp(a)", "log(-1)", "a^0.5", "(")
                        )
                    )
                ),
                "==": lambda label=label, other=other: draw(
                    st.sampled_from((f"{label} == {other}", f"{label} == 0.3", f"{label}*{other} == 1", "0 == 1"))
                ),
                ">": lambda label=label: (
                    f"{label} {draw(st.sampled_from('><'))} {draw(st.sampled_from(('0', '0.2', 'b')))}"
                ),
                "|": lambda left=left: f"{left} | {draw(st.sampled_from(('t1', 't1 + t2', '0*t1', 'q')))}",
                "~*~": lambda left=left: f"{left} ~*~ {left}",
                "comment": lambda: "# " + draw(st.text(alphabet="abc~=*#", max_size=10)),
            }.get(kind, lambda left=left, kind=kind: f"{left} {kind} {draw(_terms(_others(draw, names, left)))}")()
        )
    text = draw(st.sampled_from(("\n", "\n", ";", "\r\n"))).join(lines)
    if text and draw(st.integers(0, 7)) == 0:
        at = draw(st.integers(0, len(text)))
        text = (
            text[:at]
            + draw(st.sampled_from(("~", "*", "(", ")", '"', "+", "=~", "\x00", "é", "1e999", "~~", "\t")))
            + text[at:]
        )
    return text


def make_table(names: tuple[str, ...], kinds: tuple[str, ...], n: int, seed: int, twice: bool) -> str:
    """Csv text: columns of these kinds, and a column of groups and one of units."""
    rng = np.random.default_rng(seed)
    columns: list[list[Any]] = []
    numbers: list[np.ndarray] = []
    for kind in kinds:
        value = rng.normal(size=n)
        if numbers and kind in ("follows", "classes", "binary", "count"):
            value = 0.6 * np.nan_to_num(numbers[-1], posinf=0.0, neginf=0.0) + value
        others = numbers or [value]
        value = {
            "classes": lambda v=value: np.digitize(v, [-0.8, 0.3, 1.1]).astype(float),
            "binary": lambda v=value: (v > 0.2).astype(float),
            "count": lambda v=value: np.floor(np.exp(np.clip(v, -3, 3))),
            "constant": lambda: np.full(n, 3.0),
            "empty": lambda: np.full(n, np.nan),
            "infinite": lambda v=value: np.where(np.arange(n) == 0, np.inf, v),
            "huge": lambda v=value: v * 1e14 + 1e15,
            "tiny": lambda v=value: v * 1e-13,
            "mostly_missing": lambda v=value: np.where(rng.uniform(size=n) < 0.9, np.nan, v),
            "some_missing": lambda v=value: np.where(rng.uniform(size=n) < 0.2, np.nan, v),
            "copy": lambda o=others: o[-1].copy(),
            "sum": lambda o=others: np.sum(o[-2:], axis=0),
            "outlier": lambda v=value: np.where(np.arange(n) == 0, 1e9, v),
            "whole": lambda v=value: np.round(v),
        }.get(kind, lambda v=value: v)()
        numbers.append(value)
        columns.append(["low" if kind == "text" else "" if math.isnan(v) else repr(float(v)) for v in value])
    header = [*names, "group", "unit"]
    if twice:
        header[0] = header[-3] if len(header) > 3 else header[-1]
    group, unit = rng.integers(0, 2, n), rng.integers(0, 5, n)
    rows = [",".join([*(column[i] for column in columns), f"g{group[i]}", str(unit[i])]) for i in range(n)]
    return "\n".join([",".join(header), *rows]) + "\n"


TAME = (
    "normal",
    "follows",
    "follows",
    "follows",
    "classes",
    "binary",
    "count",
    "some_missing",
    "whole",
    "outlier",
    "huge",
)


@st.composite
def tame_models(draw: Any, names: tuple[str, ...]) -> str:
    """Model text that could be meant: each variable explained by earlier ones, a factor, a product, a restriction."""
    lines = []
    labels = iter(LABELS[:5])
    used: list[str] = []
    start = 1
    if len(names) >= 4 and draw(st.integers(0, 2)) == 0:
        start = draw(st.integers(3, len(names)))
        lines.append("F =~ " + " + ".join(names[:start]))
        if start < len(names) and draw(st.booleans()):
            lines.append(f"{names[start]} ~ F")
            start += 1
    for at in range(start, len(names)):
        sources = draw(st.lists(st.sampled_from(names[:at]), min_size=1, max_size=3, unique=True))
        terms = []
        for source in sources:
            if draw(st.integers(0, 3)) == 0 and (label := next(labels, "")):
                terms.append(f"{label}*{source}")
                used.append(label)
            else:
                terms.append(draw(st.sampled_from(("", "", "", "", "0.3*", "start(0.5)*", "0*"))) + source)
        if len(sources) > 1 and draw(st.integers(0, 5)) == 0:
            terms.append(f"{sources[0]}:{sources[1]}")
        lines.append(f"{names[at]} ~ {' + '.join(terms)}")
    if len(names) > 2 and draw(st.integers(0, 4)) == 0:
        lines.append(f"{names[-1]} ~~ {draw(st.sampled_from(names[:-1]))}")
    if len(names) > 1 and draw(st.integers(0, 7)) == 0:
        lines.append(f"{names[0]} ~ {names[-1]}")
    if used and draw(st.booleans()):
        lines.append(f"d := {used[0]}*{used[-1]}")
    if used and draw(st.integers(0, 3)) == 0:
        lines.append(
            draw(
                st.sampled_from((f"{used[0]} == {used[-1]}", f"{used[0]} > 0", f"{used[0]} < -1", f"{used[0]} == 0.4"))
            )
        )
    return "\n".join(lines)


@st.composite
def tame_cases(draw: Any) -> EngineCase:
    """A model that could be meant, of data that could be real, with options that belong together."""
    width = draw(st.integers(2, 6))
    names = COLUMNS[:width]
    kinds = tuple(draw(st.lists(st.sampled_from(TAME), min_size=width, max_size=width)))
    n = draw(st.sampled_from((12, 40, 120, 120, 300)))
    table = make_table(names, kinds, n, draw(st.integers(0, 2**31)), twice=False)
    model = draw(tame_models(names))
    options: list[str] = []
    ordered = [name for name, kind in zip(names[1:], kinds[1:], strict=True) if kind in ("classes", "binary")]
    estimator = draw(
        st.sampled_from(("ml", "ml", "mlr", "wlsmv", "dwls") if ordered else ("ml", "ml", "mlr", "equationwise"))
    )
    options += ["--estimator", estimator]
    options += ["--ordered", ",".join(ordered)] if estimator in ("wlsmv", "dwls") else []
    if estimator in ("ml", "mlr"):
        options += ["--missing", "fiml"] if draw(st.booleans()) else []
        options += ["--no-fixed-x"] if draw(st.integers(0, 3)) == 0 else []
        options += ["--meanstructure"] if draw(st.integers(0, 3)) == 0 else []
    if estimator != "equationwise" and draw(st.integers(0, 5)) == 0:
        options += ["--group", "group"]
        options += ["--group-equal", draw(st.sampled_from(("loadings", "regressions", "loadings,intercepts")))]
    elif estimator not in ("wlsmv", "dwls") and draw(st.integers(0, 7)) == 0:
        options += ["--cluster", "unit"]
    return EngineCase(model, table, tuple(options))


@st.composite
def wild_cases(draw: Any) -> EngineCase:
    """Anything: names that are keywords, columns without values, text that is no model, options that clash."""
    width = draw(st.integers(1, 6))
    names = tuple(draw(st.lists(st.sampled_from(COLUMNS), min_size=width, max_size=width, unique=True)))
    kinds = tuple(draw(st.lists(st.sampled_from(KINDS), min_size=width, max_size=width)))
    n = draw(st.sampled_from((0, 1, 2, 3, 5, 12, 40, 40, 120, 120, 120)))
    table = make_table(names, kinds, n, draw(st.integers(0, 2**31)), twice=draw(st.integers(0, 30)) == 0)
    asked = names if draw(st.integers(0, 15)) else (*names, "nowhere")
    model = draw(models(asked))
    options: list[str] = []
    estimator = draw(st.sampled_from(("ml", "ml", "ml", "mlr", "mlr", "wlsmv", "dwls", "equationwise", "")))
    options += ["--estimator", estimator] if estimator else []
    ordered = [name for name, kind in zip(names, kinds, strict=True) if kind in ("classes", "binary")]
    if ordered and estimator in ("wlsmv", "dwls"):
        options += ["--ordered", ",".join(ordered)]
    for flag, odds in (("--no-fixed-x", 5), ("--meanstructure", 5), ("--growth", 15)):
        options += [flag] if draw(st.integers(0, odds)) == 0 else []
    options += ["--missing", "fiml"] if draw(st.integers(0, 3)) == 0 else []
    options += ["--cluster", "unit"] if draw(st.integers(0, 9)) == 0 else []
    if draw(st.integers(0, 6)) == 0:
        options += ["--group", draw(st.sampled_from(("group", "group", "unit", "x")))]
        if draw(st.integers(0, 1)):
            options += [
                "--group-equal",
                draw(st.sampled_from(("loadings", "regressions", "loadings,intercepts", "thresholds"))),
            ]
    return EngineCase(model, table, tuple(options))


def engine_cases() -> st.SearchStrategy[EngineCase]:
    """A model, a table and options: tame or wild."""
    return st.one_of(tame_cases(), wild_cases())


def judge(case: EngineCase, folder: Path) -> Outcome:
    """Run the command line on the case and hold it to its promise."""
    model, table, answer = folder / "model.lav", folder / "data.csv", folder / "fit.json"
    model.write_text(case.model, encoding="utf-8", newline="")
    table.write_text(case.table, encoding="utf-8")
    answer.unlink(missing_ok=True)
    out, err = io.StringIO(), io.StringIO()

    def too_late(signum: int, frame: FrameType | None) -> None:
        raise Hang

    before = signal.signal(signal.SIGPROF, too_late)
    signal.setitimer(signal.ITIMER_PROF, HANG_SECONDS)  # processor time: a busy machine is no hang
    begin = time.process_time()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main(["fit", str(model), "--data", str(table), *case.options, "--json", str(answer)])
    except Hang:
        return Outcome("hang", HANG_SECONDS, "no answer in time")
    except Exception as error:  # noqa: BLE001 - any exception here is what is looked for
        return Outcome("traceback", time.process_time() - begin, f"{type(error).__name__}: {error}")
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        signal.signal(signal.SIGPROF, before)
    seconds = time.process_time() - begin
    if code == 2:
        text = err.getvalue()
        return Outcome("refused", seconds, _lines_are_clear(text), text)
    record = json.loads(answer.read_text(encoding="utf-8"))
    return Outcome(record["status"], seconds, _numbers_are_honest(record, code))


def _lines_are_clear(text: str) -> str:
    if not text.strip():
        return "refused without a word"
    if "Traceback" in text or "Error(" in text:
        return "refused with a traceback"
    return "" if max(len(line) for line in text.splitlines()) < 1000 else "refused with an endless line"


def _numbers_are_honest(record: dict[str, Any], code: int) -> str:
    has_numbers = record["status"] in ("converged", "improper")
    if code != (0 if has_numbers else 3):
        return f"exit code {code} with status {record['status']}"
    rows = record["parameters"]
    if not has_numbers:
        numbers = [row[key] for row in rows for key in ("est", "se", "z", "pvalue", "std_all", "std_lv") if key in row]
        numbers += [value for name, value in record["fit_measures"].items() if name not in ("npar", "ntotal")]
        numbers += list(record["r2"].values())
        if any(number is not None for number in numbers):
            said = [f"{row['op']} {row['est']}" for row in rows if row["est"] is not None]
            return f"a number from a failed fit {said[:3]}"
        return ""
    if not record["status_text"] and record["status"] == "improper":
        return "improper without a reason"
    for row in rows:
        if row["free"] and (row["est"] is None or row["se"] is None):
            return f"converged, and {row['op']} has no number"
    for name in ("chisq", "df"):
        if record["fit_measures"].get(name) is None and name not in record["undefined"]:
            return f"converged without {name}"
    return ""
