"""What a reader's browser makes of the pages: quiet, self-sufficient, readable at every width, in light and dark.

Needs Chromium (Debian: `apt-get install chromium`); without it every test here skips and says so. Screenshots go to
`.screens/` at the root, for looking.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from kinechain import publish
from tests.browser.chromium import Chromium, Page, find_chromium
from tests.fixtures.report_inputs import people_results, summary_results

ROOT = Path(__file__).resolve().parents[2]
SCREENS = ROOT / ".screens"
CHROMIUM = find_chromium()
NPM = ("--no-save", "--no-audit", "--no-fund", "--ignore-scripts")
PATIENT = 5
"""First paint is to take less than a second; other work on the machine may make that five."""

VIEWS = [(390, False), (390, True), (1440, False), (1440, True)]

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: apt-get install chromium")


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Reports of two small cohorts and their index; and those in KINECHAIN_REPORTS, a folder `make report` filled."""
    folder = tmp_path_factory.mktemp("pages")
    made, summaries = [], []
    for results in (people_results(n=200), summary_results()):
        place = folder / results.cohort.name
        publish.write_figures(results, place / "figures")
        publish.write_report(
            results,
            figures=place / "figures",
            templates=ROOT / "workflow" / "templates",
            html=place / "report.html",
            pdf=None,
            summary=place / "summary.json",
        )
        made.append(place / "report.html")
        summaries.append(place / "summary.json")
    index = folder / "index.html"
    publish.write_index(
        summaries, templates=ROOT / "workflow" / "templates", out=index, study=people_results(n=50).study
    )
    study = os.environ.get("KINECHAIN_REPORTS")
    return [*made, index, *(sorted(Path(study).rglob("*.html")) if study else ())]


@pytest.fixture(scope="session")
def browser() -> Iterator[Chromium]:
    assert CHROMIUM is not None
    with Chromium(CHROMIUM) as running:
        yield running


@pytest.mark.parametrize(("width", "dark"), VIEWS)
def test_pages_are_quiet_ask_for_nothing_and_fit(browser: Chromium, pages: list[Path], width: int, dark: bool) -> None:
    for path in pages:
        page = browser.open(path, width=width, dark=dark)
        assert page.complaints() == [], path
        assert page.requests() == [], path
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{path} is wider than {width} px"
        name = path.parent.name if path.name == "report.html" else "index"
        page.screenshot(SCREENS / f"{name}-{width}-{'dark' if dark else 'light'}.png")
        page.close()


def test_every_anchor_resolves_and_every_picture_shows(browser: Chromium, pages: list[Path]) -> None:
    for path in pages:
        page = browser.open(path, width=1440)
        lost = page.evaluate(
            "[...document.querySelectorAll('a[href^=\"#\"]')].map(a => decodeURIComponent(a.hash.slice(1)))"
            ".filter(id => id && !document.getElementById(id))"
        )
        assert lost == [], path
        assert page.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 100)"), path
        page.close()


def test_pages_paint_within_a_second(browser: Chromium, pages: list[Path]) -> None:
    for path in pages:
        page = browser.open(path, width=1440)
        page.wait_until("performance.getEntriesByName('first-contentful-paint').length > 0")
        paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
        assert paint < 1000 * PATIENT, f"{path}: first paint after {paint:.0f} ms"
        assert path.stat().st_size < 3_000_000
        page.close()


def report(browser: Chromium, pages: list[Path]) -> Page:
    return browser.open(pages[0], width=1440)


def test_tables_sort_both_ways_by_value(browser: Chromium, pages: list[Path]) -> None:
    page = report(browser, pages)
    column = (
        "[...document.querySelector('#table-effects_paths table').tBodies[0].rows]"
        ".map(row => Number(row.cells[2].dataset.sort))"
    )
    click = "document.querySelector('#table-effects_paths th:nth-child(3) button').click()"
    before = page.evaluate(column)
    page.evaluate(click)
    assert page.evaluate(column) == sorted(before)
    page.evaluate(click)
    assert page.evaluate(column) == sorted(before, reverse=True)
    assert before != sorted(before)
    page.close()


def test_a_table_copies_as_text_with_its_heads(browser: Chromium, pages: list[Path]) -> None:
    page = report(browser, pages)
    page.evaluate("document.querySelector('#table-fit .tools button').click()")
    page.wait_until("document.querySelector('#table-fit').dataset.copied")
    copied = page.evaluate("document.querySelector('#table-fit').dataset.copied")
    lines = copied.split("\n")
    assert lines[0].split("\t")[0] == "Model"
    assert len({len(line.split("\t")) for line in lines}) == 1
    page.close()


def test_a_chip_leads_to_its_claim_and_opens_it(browser: Chromium, pages: list[Path]) -> None:
    page = report(browser, pages)
    page.evaluate("document.querySelector('.chip').click()")
    page.wait_until("document.getElementById('claim-C01').open")
    assert page.evaluate("document.getElementById('claim-C01').parentElement.closest('details').open")
    page.close()


def test_the_page_reads_without_script(browser: Chromium, pages: list[Path]) -> None:
    page = browser.open(pages[0], width=1440, script=False)
    page.screenshot(SCREENS / "without-script.png")
    assert page.evaluate("document.querySelector('th button') === null"), "the script ran"
    for anchor in ("answer", "claims", "effects", "methods", "provenance"):
        assert page.evaluate(f"document.getElementById('{anchor}').offsetHeight > 60")
    page.close()


def test_no_text_lies_on_another_in_any_figure(browser: Chromium, pages: list[Path]) -> None:
    figures = [svg for page in pages for svg in sorted((page.parent / "figures").glob("*.svg"))]
    assert figures
    script = """(() => {
      const boxes = [...document.querySelectorAll('g[id^="text_"]')]
        .map(g => [g.id, g.getBoundingClientRect()]).filter(([, box]) => box.width > 0);
      const found = [];
      for (let i = 0; i < boxes.length; i++) for (let j = i + 1; j < boxes.length; j++) {
        const [a, b] = [boxes[i][1], boxes[j][1]];
        const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
        const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
        if (wide > 1.5 && high > 1.5) found.push([boxes[i][0], boxes[j][0]]);
      }
      return found;
    })()"""
    for figure in figures:
        page = browser.open(figure, width=1440)
        assert page.evaluate(script) == [], figure
        page.close()


def axe() -> str | None:
    """Source of axe-core: from KINECHAIN_AXE, else from npm when it answers within a minute."""
    given = os.environ.get("KINECHAIN_AXE")
    if given:
        return Path(given).read_text(encoding="utf-8")
    kept = SCREENS / "axe.min.js"
    npm = shutil.which("npm")
    if not kept.exists() and npm:
        SCREENS.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=SCREENS) as folder:
            try:
                subprocess.run(
                    [npm, "install", *NPM, "--prefix", folder, "axe-core@4"],
                    check=True,
                    capture_output=True,
                    timeout=60,
                )
                # Other workers may look for it at this moment: it appears whole or not at all.
                (Path(folder) / "node_modules" / "axe-core" / "axe.min.js").replace(kept)
            except (OSError, subprocess.SubprocessError):
                return None
    return kept.read_text(encoding="utf-8") if kept.exists() else None


@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_no_violation(browser: Chromium, pages: list[Path], dark: bool) -> None:
    source = axe()
    if source is None:
        pytest.skip("axe-core is not here and npm did not give it: set KINECHAIN_AXE to axe.min.js")
    for path in pages:
        page = browser.open(path, width=1440, dark=dark)
        page.evaluate("document.querySelectorAll('details').forEach(it => { it.open = true; })")
        page.evaluate(f"(() => {{ {source} }})(); 1")
        found = page.evaluate(
            "axe.run(document, {resultTypes: ['violations']}).then(r => r.violations.map(v => "
            "[v.id, v.nodes.length, v.nodes[0].html.slice(0, 160), (v.nodes[0].any[0] || {}).message || '']))"
        )
        assert found == [], f"{path}: {json.dumps(found, indent=1)}"
        page.close()
