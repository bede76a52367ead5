"""What the pages of the default study weigh, how soon they show, and what the report stage costs.

    python -m benchmarks.pages [--page FILE.md]

Needs the default study made (`make report`) and Chromium. Bytes: of the file. First paint: the browser's own
first-contentful-paint, in a fresh tab at 1440 pixels, the median of five. CPU: seconds of an interpreter
that runs one script of the report stage for one cohort, imports and all, the least of three.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.browser.chromium import Chromium, find_chromium

ROOT = Path(__file__).resolve().parents[1]
REPORTS = ROOT / "reports"
STAGE = ("draw_figures", "write_report")
COHORT = "demo_clinic"
LOADS, RUNS = 5, 3
LIMIT_BYTES, LIMIT_PAINT, LIMIT_CPU = 3_000_000, 1.0, 10.0


def sources_of(cohort: str) -> dict[str, Any]:
    """What the rules of the report stage hand to their scripts, for one cohort that is no trial."""
    from kinechain.study import load_study

    study = load_study(ROOT)
    made, published, config = ROOT / "data" / "derived" / cohort, REPORTS / cohort, ROOT / "config"
    models = study.models_of(cohort)
    return {
        "cohort": made / "cohort.parquet",
        "quality": published / "quality.json",
        "fits": [made / "fits" / f"{model}.json" for model in models],
        "effects": [made / "effects" / f"{model}.parquet" for model in models],
        "checks": [published / "checks"],
        "claims": published / "claims.json",
        "models": [config / "models" / f"{model}.yaml" for model in models],
        "measures": config / "measures.yaml",
        "ledger_of_claims": config / "claims.yaml",
        "schematic": config / "schematic.yaml",
        "study": study.config,
        "digests": study.digests(cohort),
    }


def run_script(name: str, cohort: str, out: Path) -> float:
    """Run one script of the stage and say the CPU this interpreter took, finding its sources left out."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "workflow" / "scripts" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    begun = time.process_time()
    sources = sources_of(cohort)
    apart = time.process_time() - begun
    if name == "write_report":
        sources["figures"] = REPORTS / cohort / "figures"
        files = [out / f"report.{kind}" for kind in ("html", "pdf", "docx")]
        script.main(
            sources, ROOT / "workflow" / "templates", out / "tables", *files, out / "ledger.json", out / "summary.json"
        )
    else:
        script.main(sources, out)
    return time.process_time() - apart


def cpu_of_stage(cohort: str) -> dict[str, float]:
    """Script -> CPU seconds, the least of some runs, each in a fresh interpreter."""
    found = {}
    for name in STAGE:
        times = []
        for _ in range(RUNS):
            with tempfile.TemporaryDirectory() as out:
                command = [sys.executable, "-m", "benchmarks.pages", "--script", name, "--cohort", cohort, "--out", out]
                told = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
                times.append(float(told))
        found[name] = min(times)
    return found


def first_paint(browser: Chromium, page: Path) -> float:
    """Seconds from the start of loading to the first text or picture: the median of some loads."""
    times = []
    for _ in range(LOADS):
        tab = browser.open(page, width=1440)
        tab.wait_until("performance.getEntriesByName('first-contentful-paint').length > 0")
        times.append(tab.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime") / 1000)
        tab.close()
    return statistics.median(times)


def told(cohort: str) -> list[str]:
    """The page of results."""
    chromium = find_chromium()
    pages = sorted(REPORTS.rglob("*.html"))
    if chromium is None or not pages:
        sys.exit("pages: Chromium and the default study are needed: apt-get install chromium, then make report")
    lines = ["# Pages and the report stage", "", "| page | MB | first paint, s |", "|---|---|---|"]
    with Chromium(chromium) as browser:
        for page in pages:
            size, paint = page.stat().st_size, first_paint(browser, page)
            lines.append(f"| {page.relative_to(REPORTS)} | {size / 1e6:.2f} | {paint:.2f} |")
            if size >= LIMIT_BYTES or paint >= LIMIT_PAINT:
                lines[-1] += " beyond its bound"
    stage = cpu_of_stage(cohort)
    lines += ["", f"Bounds: {LIMIT_BYTES / 1e6:g} MB and {LIMIT_PAINT:g} s a page.", ""]
    lines += [f"| script, {cohort} | CPU, s |", "|---|---|"]
    lines += [f"| {name} | {cpu:.2f} |" for name, cpu in stage.items()]
    lines += [f"| **all** (bound: {LIMIT_CPU:g}) | {sum(stage.values()):.2f} |", ""]
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--page", type=Path)
    parser.add_argument("--cohort", default=COHORT)
    parser.add_argument("--script", choices=STAGE, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.script:
        sys.stdout.write(f"{run_script(given.script, given.cohort, given.out)}\n")
        return
    text = "\n".join(told(given.cohort))
    sys.stdout.write(text)
    if given.page:
        given.page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
