"""Give the engine generated models and data, most of them odd, and count what it says.

The promise: an answer or one clear line; never a traceback, never ten seconds of silence, never a number from a fit
that failed. Writes benchmarks/results/fuzz_engine.md; exits with 1 when the promise was broken, and shows the cases.

    python benchmarks/fuzz_engine.py --examples 10000
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from datetime import date
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.properties.engine_cases import EngineCase, Outcome, engine_cases, judge  # noqa: E402 - needs the path above

SHOWN = 20


def fuzz(examples: int, start: int) -> list[tuple[EngineCase, Outcome]]:
    """Outcomes of that many generated cases; the same numbers give the same cases."""
    outcomes: list[tuple[EngineCase, Outcome]] = []
    with tempfile.TemporaryDirectory() as folder:

        @seed(start)
        @settings(
            max_examples=examples,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=engine_cases())
        def run(case: EngineCase) -> None:
            outcomes.append((case, judge(case, Path(folder))))

        run()
    return outcomes


def report(outcomes: list[tuple[EngineCase, Outcome]], command: str, minutes: float) -> str:
    """The page for the results folder."""
    said = Counter(outcome.said for _, outcome in outcomes)
    broken = [(case, outcome) for case, outcome in outcomes if outcome.broken]
    seconds = sorted(outcome.seconds for _, outcome in outcomes)
    lines = [
        "# Generated models and data: what the engine says",
        "",
        f"`{command}`, {date.today().isoformat()}, {minutes:.1f} minutes.",
        "",
        f"{len(outcomes)} cases through the command line (same process); {len(broken)} broke the promise (a traceback, "
        "more than 10 s, a refusal without a clear line, a number from a failed fit, or a converged fit without one).",
        "",
        "| said | cases |",
        "|---|---:|",
        *(f"| {word} | {count} |" for word, count in sorted(said.items(), key=lambda item: -item[1])),
        "",
        f"Time of one case: median {1000 * seconds[len(seconds) // 2]:.0f} ms, "
        f"99th percentile {1000 * seconds[int(0.99 * len(seconds))]:.0f} ms, longest {1000 * seconds[-1]:.0f} ms.",
        "",
    ]
    return "\n".join(lines)


def main() -> int:
    """Run, write the page, show what broke."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--examples", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "fuzz_engine.md")
    arguments = parser.parse_args()
    begin = time.perf_counter()
    outcomes = fuzz(arguments.examples, arguments.seed)
    command = f"python benchmarks/fuzz_engine.py --examples {arguments.examples} --seed {arguments.seed}"
    page = report(outcomes, command, (time.perf_counter() - begin) / 60.0)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(page, encoding="utf-8")
    print(page)
    broken = [(case, outcome) for case, outcome in outcomes if outcome.broken]
    for case, outcome in broken[:SHOWN]:
        print(f"--- {outcome.said}: {outcome.broken}\n{case.model}\n--- {' '.join(case.options)}\n{case.table[:600]}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
