"""One run: machine, git, versions, and what each job took. For reports/run.json and run.html, which nothing hashes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kinechain.environment import versions
from kinechain.io import write_json, write_text
from kinechain.machine import describe_machine, git_state, now
from kinechain.page import Part, render_page


@dataclass(frozen=True, slots=True)
class Job:
    """What one job took, the last time it ran.

    rule         its rule
    target       cohort, model: what it made
    seconds      wall time
    cpu_seconds  processor time, None where the system did not tell
    memory_mb    most memory it held, None where it ended before it was looked at
    """

    rule: str
    target: str
    seconds: float
    cpu_seconds: float | None
    memory_mb: float | None


def read_jobs(logs: Path) -> tuple[Job, ...]:
    """Jobs from benchmark files `<cohort>/<rule>/<rest>.tsv` of the folder of logs; cohort and rest may be absent."""
    jobs = []
    for path in sorted(logs.rglob("*.tsv")):
        parts = path.relative_to(logs).with_suffix("").parts
        cohort, rule, rest = ("", parts[0], ()) if len(parts) == 1 else (parts[0], parts[1], parts[2:])
        heads, *rows = (line.split("\t") for line in path.read_text(encoding="utf-8").splitlines())
        if rows:
            found = dict(zip(heads, rows[-1], strict=False))
            target = " ".join(part for part in (cohort, *rest) if part)
            took = [_number(found.get(name)) for name in ("s", "cpu_time", "max_rss")]
            jobs.append(Job(rule, target, took[0] or 0.0, took[1], took[2]))
    return tuple(jobs)


def _number(text: str | None) -> float | None:
    try:
        return float(text or "")
    except ValueError:
        return None


def describe_run(root: Path) -> dict[str, Any]:
    """Everything about the last run of the study in `root`."""
    jobs = read_jobs(root / "logs")
    return {
        "date": now(),
        "machine": describe_machine(),
        "git": git_state(root),
        "packages": versions(),
        "rules": by_rule(jobs),
        "jobs": [asdict(job) for job in jobs],
    }


def by_rule(jobs: Sequence[Job]) -> dict[str, dict[str, Any]]:
    """Rule -> jobs, their wall and processor time, and the most memory one of them held; the longest first."""
    found: dict[str, list[Job]] = {}
    for job in jobs:
        found.setdefault(job.rule, []).append(job)
    return {
        rule: {
            "jobs": len(mine),
            "seconds": round(sum(job.seconds for job in mine), 2),
            "cpu_seconds": round(sum(job.cpu_seconds or 0.0 for job in mine), 2),
            "memory_mb": max((job.memory_mb for job in mine if job.memory_mb is not None), default=None),
        }
        for rule, mine in sorted(found.items(), key=lambda item: -sum(job.seconds for job in item[1]))
    }


def run_page(run: Mapping[str, Any], title: str) -> str:
    """The run for people."""

    def rows(found: Mapping[str, Any]) -> list[tuple[str, Any]]:
        return [(name.replace("_", " "), value) for name, value in found.items() if value is not None]

    jobs = sorted(run["jobs"], key=lambda job: -job["seconds"])
    state = run["git"] or {"repository": "none here"}
    columns = ("seconds", "cpu_seconds", "memory_mb")
    heads = ("Wall seconds", "Processor seconds", "Most memory, MB")
    took = [(rule, one["jobs"], *(_cell(one[name]) for name in columns)) for rule, one in run["rules"].items()]
    each = [(job["rule"], job["target"], *(_cell(job[name]) for name in columns)) for job in jobs]
    said = [
        "What belongs to one run and not to the result. Nothing here is hashed, and no number of a report hangs on it."
    ]
    sections = [
        Part("When and where", said, ("What", "Value"), [("date", run["date"]), *rows(run["machine"])]),
        Part("Git", (), ("What", "Value"), rows(state)),
        Part("Packages", (), ("Package", "Version"), list(run["packages"].items())),
        Part("Rules", ("Each job as it ran last.",), ("Rule", "Jobs", *heads), took),
        Part("Jobs", (), ("Rule", "Made", *heads), each),
    ]
    return render_page("One run", title, sections)


def _cell(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"


def write_run(root: Path, title: str, record: Path, page: Path) -> None:
    """The run as json and as a page."""
    run = describe_run(root)
    write_json(run, record)
    write_text(run_page(run, title), page)
