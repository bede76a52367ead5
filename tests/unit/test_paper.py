"""The paper: every page renders, every font travels inside, no text leaves the sheet, equal bytes."""

import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

from kinechain.publish import read_templates
from kinechain.render import render_pdf
from tests.fixtures.report_inputs import people_results
from tests.unit.test_report import document_of

ROOT = Path(__file__).resolve().parents[2]
A4 = (595.28, 841.89)


@cache
def paper() -> bytes:
    return render_pdf(document_of(people_results(n=120)), read_templates(ROOT / "workflow" / "templates"))


def poppler(tool: str, *words: str | Path) -> str:
    found = shutil.which(tool)
    if found is None:
        pytest.skip(f"no {tool} on this machine: apt-get install poppler-utils")
    done = subprocess.run([found, *words], check=True, capture_output=True, text=True, timeout=120)
    return done.stdout


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("paper") / "report.pdf"
    path.write_bytes(paper())
    return path


def test_every_font_is_embedded(file: Path) -> None:
    fonts = poppler("pdffonts", file).splitlines()[2:]
    told = [re.search(r"(yes|no) +(yes|no) +(yes|no) +\d+ +\d+$", line) for line in fonts]
    assert fonts
    assert [found.group(1) if found else "" for found in told] == ["yes"] * len(fonts)


def test_no_text_leaves_the_sheet(file: Path) -> None:
    boxes = poppler("pdftotext", "-bbox", file, "-")
    words = re.findall(r'<word xMin="([-\d.]+)" yMin="([-\d.]+)" xMax="([-\d.]+)" yMax="([-\d.]+)">', boxes)
    assert len(words) > 1000
    outside = [box for box in words if not inside(*(float(edge) for edge in box))]
    assert outside == []


def inside(left: float, top: float, right: float, bottom: float) -> bool:
    return left >= 0 and top >= 0 and right <= A4[0] + 0.1 and bottom <= A4[1] + 0.1


def test_every_page_renders_with_something_on_it(file: Path, tmp_path: Path) -> None:
    pages = int(re.search(r"Pages:\s+(\d+)", poppler("pdfinfo", file)).group(1))  # type: ignore[union-attr]  # pdfinfo tells it
    poppler("pdftoppm", "-r", "20", "-gray", file, tmp_path / "page")
    drawn = sorted(tmp_path.glob("page*.pgm"))
    assert len(drawn) == pages > 3
    for page in drawn:
        grey = page.read_bytes().split(b"\n", 3)[-1]
        dark = sum(1 for value in grey if value < 200)
        assert dark > 0.002 * len(grey), f"{page.name} is almost empty"


def test_equal_documents_give_equal_papers() -> None:
    templates = read_templates(ROOT / "workflow" / "templates")
    assert render_pdf(document_of(people_results(n=120)), templates) == paper()
