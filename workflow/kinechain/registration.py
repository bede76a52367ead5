"""Registration: what config said before the data were analysed, and every deviation since, each with its reason."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from kinechain import __version__
from kinechain.errors import Problem, UserError, closest, raise_if_any
from kinechain.io import plain, read_yaml, write_text
from kinechain.schema import check_shape
from kinechain.study import CONFIG, Study, digest_of

FILE = CONFIG / "registration.yaml"
HEAD = """\
# What config said on the day it was frozen. Written by `kinechain freeze`: commit it before the data are analysed.
# Later every report lists what differs from it. Give each difference its reason under `deviations`, and change nothing
# else, for example:
#   deviations:
#     - {key: "config/config.yaml: inference.draws", reason: "Limits moved in the second digit with fewer draws."}
"""


@dataclass(frozen=True, slots=True)
class Deviation:
    """One thing config says otherwise than it did when it was frozen.

    key      `file: dotted.key`
    frozen   what it said then, "" when it said nothing
    present  what it says now, likewise
    reason   as the registration gives it; "" when it gives none
    """

    key: str
    frozen: str
    present: str
    reason: str


def content_of(study: Study) -> dict[str, Any]:
    """Config file -> what it says, for every file that decides a number; of the measures those that are used."""
    names = {name for names in study.inputs().values() for name in names}
    wanted = sorted(name for name in names if name.endswith(".yaml") and Path(name) != FILE and _is_config(name))
    found = {name: plain(read_yaml(study.root / name)) for name in wanted}
    dictionary = found.get("config/measures.yaml")
    if dictionary:
        used = {measure for cohort in study.cohorts for measure in study.measures_of(cohort)}
        kept = {name: entry for name, entry in dictionary["measures"].items() if name in used}
        found["config/measures.yaml"] = {**dictionary, "measures": kept}
    return found


def _is_config(name: str) -> bool:
    return Path(name).parts[0] == CONFIG.name


def freeze(study: Study) -> dict[str, Any]:
    """Write config/registration.yaml and return what stands in it.

    Raises UserError when the study is registered already.
    """
    import yaml

    if (study.root / FILE).exists():
        when = read_yaml(study.root / FILE).get("frozen", "an earlier day")
        remedy = "Reports list what changed since; give each change its reason under `deviations` there"
        raise UserError(Problem(FILE.as_posix(), f"the study was frozen on {when} already", remedy))
    content = content_of(study)
    record: dict[str, Any] = {
        "frozen": date.today().isoformat(),
        "kinechain": __version__,
        "digest": digest_of(content),
        "analysed": [name for name in study.cohorts if _was_analysed(study, name)],
        "deviations": [],
        "content": content,
    }
    write_text(HEAD + yaml.safe_dump(record, sort_keys=False, allow_unicode=True, width=110), study.root / FILE)
    return record


def _was_analysed(study: Study, cohort: str) -> bool:
    places = (study.root / "data" / "derived" / cohort, study.root / "reports" / cohort)
    return any(any(place.glob(pattern)) for place in places for pattern in ("effects/*", "estimates/*", "claims.csv"))


def read_registration(study: Study) -> dict[str, Any]:
    """What a report says of the registration: empty when there is none.

    frozen, kinechain, digest, analysed  as they were written
    is_whole    False when the frozen content no longer has its digest: somebody edited it
    deviations  one mapping a `Deviation`

    Raises UserError for a file of the wrong shape.
    """
    path = study.root / FILE
    if not path.exists():
        return {}
    record = read_yaml(path)
    raise_if_any(check_shape(record, "registration", path, shown=FILE.as_posix()))
    reasons = {str(one["key"]): str(one["reason"]) for one in record.get("deviations") or ()}
    found = find_deviations(record["content"], content_of(study), reasons)
    return {
        **{key: plain(record[key]) for key in ("frozen", "kinechain", "digest", "analysed")},
        "is_whole": digest_of(plain(record["content"])) == record["digest"],
        "deviations": [plain(deviation) for deviation in found],
    }


def registration_problems(study: Study) -> list[Problem]:
    """Mistakes in config/registration.yaml: its shape, and reasons for what does not differ; none where it is not."""
    try:
        found = read_registration(study)
    except UserError as error:
        return list(error.problems)
    if not found:
        return []
    given = [str(one["key"]) for one in read_yaml(study.root / FILE).get("deviations") or ()]
    differing = [deviation["key"] for deviation in found["deviations"]]
    unexplained = [deviation["key"] for deviation in found["deviations"] if not deviation["reason"]]
    return [
        Problem(
            FILE.as_posix(),
            f"`{key}` has a reason under `deviations` and does not differ from what was frozen",
            closest(key, unexplained) or "Take it out there",
        )
        for key in given
        if not any(_reason(one, {key: "given"}) for one in differing)
    ]


def find_deviations(
    frozen: Mapping[str, Any], present: Mapping[str, Any], reasons: Mapping[str, str]
) -> list[Deviation]:
    """Everything the present config says otherwise than the frozen one.

    reasons  key -> reason; a reason for a file or for a key holds for everything below it
    """
    then, now = dict(_flat(frozen)), dict(_flat(present))
    return [
        Deviation(key, *_told(then.get(key), now.get(key)), _reason(key, reasons))
        for key in {**then, **now}
        if then.get(key) != now.get(key)
    ]


def _flat(content: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for file, said in content.items():
        yield from ((f"{file}: {key}", value) for key, value in _leaves(said, ""))


def _leaves(value: Any, at: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _leaves(item, f"{at}.{key}" if at else str(key))
    else:
        yield at, value


def _told(then: Any, now: Any) -> tuple[str, str]:
    """Two values as texts; of texts of many lines, and of lists, the lines and items that differ."""
    old, new = _lines(then), _lines(now)
    if len(old) <= 1 and len(new) <= 1:
        return "".join(old), "".join(new)
    moves = [move for move in difflib.ndiff(old, new) if move[:2] in ("- ", "+ ")]
    gone, come = ([move[2:] for move in moves if move.startswith(sign)] for sign in "-+")
    return "; ".join(gone), "; ".join(come)


def _lines(value: Any) -> list[str]:
    if value is None:
        return []
    if isinstance(value, str):
        return [line.strip() for line in value.splitlines() if line.strip()]
    if isinstance(value, list):
        return [item if isinstance(item, str) else json.dumps(item, ensure_ascii=False) for item in value]
    return [json.dumps(value, ensure_ascii=False)]


def _reason(key: str, reasons: Mapping[str, str]) -> str:
    for given, reason in reasons.items():
        if key == given or key.startswith((f"{given}: ", f"{given}.")):
            return reason
    return ""
