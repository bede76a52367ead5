"""Claims that rest on people's rows alone, counted again in every cohort of the verdict study.

    python -m benchmarks.recount [--cohorts 1000] [--processes 2]

After a change of such a rule (a change of slope: C16, RV11) the other claims of the study stand as they were counted.
The cohorts are those of `benchmarks.verdicts`, drawn from the same streams; no model is fitted to them. The rows of
these claims in benchmarks/results/verdicts.csv are replaced, and verdicts.md says when.
"""

from __future__ import annotations

import argparse
import platform
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from itertools import repeat

import numpy as np
import pandas as pd

from benchmarks.verdict_page import FALSE, TRUTHS, VERDICTS, summarise
from benchmarks.verdicts import BLOCK, DRAWS, ROOT, SIZES, cohorts_of, cohorts_told, fewer_told, open_study
from kinechain.assemble import build_cohort
from kinechain.checks.shape import THRESHOLD_MODEL, check_threshold
from kinechain.evidence.claim import Claim
from kinechain.evidence.judging import judge_material
from kinechain.evidence.material import Material
from kinechain.io import write_table, write_text
from kinechain.raw_table import RawTable
from kinechain.simulate import draw_frame, stream
from kinechain.truths import read_truth

RESULTS = ROOT / "benchmarks" / "results"


def counted_on() -> str:
    """When the other claims were counted, as the page before said."""
    page = (RESULTS / "verdicts.md").read_text(encoding="utf-8")
    return next(line for line in page.splitlines() if line.startswith("- date: ")).removeprefix("- date: ")[:10]


def of_rows(claims: tuple[Claim, ...]) -> tuple[Claim, ...]:
    """Claims all of whose tests are the change of slope."""
    return tuple(claim for claim in claims if {test.model for test in claim.tests} == {THRESHOLD_MODEL})


def count_block(truth_name: str, n: int, block: int, cohorts: int) -> Counter[tuple[str, str]]:
    """(claim, verdict) -> cohorts of one block."""
    study = open_study()
    claims = of_rows(study.claims)
    truth = read_truth(TRUTHS / f"{truth_name}.yaml")
    random = stream(truth, n * 100_000 + block)
    people = build_cohort(study.cohort, study.dictionary, RawTable(draw_frame(truth, n * cohorts, random))).people
    assert people is not None
    found: Counter[tuple[str, str]] = Counter()
    for k in range(cohorts):
        mine = replace(study.checks.cohort, people=people.iloc[k * n : (k + 1) * n])
        table = check_threshold(replace(study.checks, cohort=mine)).table
        effects = {(str(row["model"]), str(row["effect"])): row for row in table.to_dict("records")}
        material = Material(
            design="cross_sectional",
            sampling_frame="general",
            synthetic=True,
            n=n,
            variables=study.checks.cohort.variables,
            decisions=study.decisions,
            effects=effects,
            fits={},
            draws={},
        )
        found.update((one.claim, one.verdict) for one in judge_material(material, claims).verdicts)
    return found


def main() -> None:
    """Count again, put the counts in their place, write both results."""
    parser = argparse.ArgumentParser(description="Claims that rest on rows alone, counted again.")
    parser.add_argument("--cohorts", type=int, default=1000, help="cohorts of each truth and size")
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    start = time.perf_counter()
    table = pd.read_csv(RESULTS / "verdicts.csv")
    names = [claim.id for claim in of_rows(open_study().claims)]
    with ProcessPoolExecutor(given.processes) as pool:
        for n in SIZES:
            for truth in sorted(set(table["truth"])):
                asked = cohorts_of(truth, n, given.cohorts)
                blocks = [(k, min(BLOCK, asked - k * BLOCK)) for k in range(-(-asked // BLOCK))]
                if not blocks:
                    continue
                numbers, sizes = zip(*blocks, strict=True)
                total = sum(pool.map(count_block, repeat(truth), repeat(n), numbers, sizes), Counter())
                for name in names:
                    place = (table["truth"] == truth) & (table["n"] == n) & (table["claim"] == name)
                    table.loc[place, "cohorts"] = asked
                    table.loc[place, "is_false"] = name in FALSE.get(truth, ())
                    for verdict in VERDICTS:
                        table.loc[place, verdict] = total[name, verdict] / asked
                print(f"{truth} n={n}: {asked} cohorts, {time.perf_counter() - start:.0f} s", flush=True)
    minutes, today = (time.perf_counter() - start) / 60, datetime.now(UTC).date().isoformat()
    facts = {
        "command": f"`python -m benchmarks.verdicts --cohorts 1000`, then `python -m benchmarks.recount "
        f"--cohorts {given.cohorts}`",
        "date": f"{counted_on()}; {' and '.join(names)} counted again {today}, after their rule changed",
        "time": f"the count again {minutes:.0f} minutes in {given.processes} processes; in the whole study a cohort "
        "takes about 0.07 s of one core, all models together",
        "versions": f"Python {platform.python_version()}, numpy {np.__version__}, pandas {pd.__version__}",
        "cohorts of a truth": cohorts_told(table),
        "counted in the first of them only": fewer_told(table),
        "intervals": f"Monte Carlo, {DRAWS} draws; true scores by the delta method, changes of slope robust (HC3)",
    }
    write_table(table, RESULTS / "verdicts.csv", digits=6)
    write_text(summarise(table, facts), RESULTS / "verdicts.md")


if __name__ == "__main__":
    main()
