"""The paper: every page renders, every font travels inside, no text leaves the sheet, equal bytes."""

import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from kinechain.document import Cell, Document, Section, Table, Words
from kinechain.paper import fonts_of_figures, render_pdf
from kinechain.publish import read_templates
from kinechain.sheet import LINE_PT, layout
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


def wide_table(columns: int = 16, rows: int = 70) -> Table:
    """A table that cannot stand on one line: long texts, long heads, and many intervals."""
    heads = ("effect", "why it was asked", *(f"standardised high {place}" for place in range(columns - 2)))
    row = (Cell("first_measure~second_measure"), Cell("a sentence that goes on and on " * 3))
    numbers = tuple(Cell("−0.2345") for _ in heads[2:])
    return Table("wide", (Words("Wide."),), heads, (False, False, *(True,) * (columns - 2)), ((*row, *numbers),) * rows)


def words_of(file: Path) -> list[list[tuple[float, float, float, float, str]]]:
    """Words of every page with their boxes."""
    pages = poppler("pdftotext", "-bbox", file, "-").split("<page ")[1:]
    box = re.compile(r'<word xMin="([-\d.]+)" yMin="([-\d.]+)" xMax="([-\d.]+)" yMax="([-\d.]+)">(.*?)</word>')
    return [[(*map(float, found[:4]), found[4]) for found in box.findall(page)] for page in pages]  # type: ignore[misc]  # four numbers and a word


def overlaps(page: list[tuple[float, float, float, float, str]]) -> list[tuple[str, str]]:
    """Pairs of words that stand on one another, by more than a point each way."""
    return [
        (one[4], other[4])
        for place, one in enumerate(page)
        for other in page[place + 1 :]
        if min(one[2], other[2]) - max(one[0], other[0]) > 1 and min(one[3], other[3]) - max(one[1], other[1]) > 4
    ]


@pytest.mark.parametrize("columns", [3, 10, 16])
def test_no_two_words_of_a_wide_table_stand_on_one_another(columns: int, tmp_path: Path) -> None:
    section = Section("effects", "Effects", (wide_table(columns),))
    alone = Document("wide", "Wide", (Words("One table"),), False, (section,))
    path = tmp_path / "wide.pdf"
    path.write_bytes(render_pdf(alone, read_templates(ROOT / "workflow" / "templates")))
    pages = words_of(path)
    assert len(pages) > 1
    assert [pair for page in pages for pair in overlaps(page)] == []
    assert all(inside(*word[:4]) for page in pages for word in page)
    # whole numbers, and the head again on every page
    assert sum(word[4] == "−0.2345" for page in pages for word in page) == 70 * (columns - 2)
    assert all("effect" in {word[4] for word in page} for page in pages)


def test_a_table_is_set_as_large_as_its_columns_allow() -> None:
    small = Table("t", (), ("Claim", "n"), (False, True), ((Cell("C"), Cell("1")),))
    assert (layout(small).size, layout(small).is_natural, layout(small).is_kept) == (8.0, True, True)
    wide = layout(wide_table())
    assert wide.size < 8
    assert not wide.is_kept
    assert sum(wide.widths) == pytest.approx(LINE_PT, abs=1)


def test_a_caption_stands_over_its_table(file: Path) -> None:
    captions = 0
    for page in words_of(file):
        for place, word in enumerate(page):
            if word[4] == "Table" and place + 1 < len(page) and re.fullmatch(r"\d+:", page[place + 1][4]):
                captions += 1
                under = [other for other in page if other[1] > word[3] + 4 and other[3] < A4[1] - 50]
                assert len(under) > 3, f"Table {page[place + 1][4]} stands at the foot of a page without its rows"
    assert captions > 8


def test_names_without_end_and_from_right_to_left_stay_on_the_sheet(tmp_path: Path) -> None:
    """Text of a file may be hostile: a name of any length breaks, and keeps its column."""
    endless, reversed_ = "x" * 400, "\u202eאבג" * 40
    rows = tuple((Cell(endless), Cell(reversed_), Cell('=cmd|"/c calc"!A1'), Cell("0.25")) for _ in range(3))
    heads = (endless[:90], "from right to left", "formula", "n")
    table = Table("hostile", (Words("Hostile."),), heads, (False, False, False, True), rows)
    alone = Document("hostile", "Hostile", (Words("One table"),), False, (Section("effects", "Effects", (table,)),))
    path = tmp_path / "hostile.pdf"
    path.write_bytes(render_pdf(alone, read_templates(ROOT / "workflow" / "templates")))
    pages = words_of(path)
    assert all(inside(*word[:4]) for page in pages for word in page)
    assert [pair for page in pages for pair in overlaps(page)] == []
    assert sum(word[4] == "0.25" for page in pages for word in page) == 3


def test_the_papers_fonts_are_those_matplotlib_draws_with() -> None:
    import matplotlib as mpl

    assert fonts_of_figures() == Path(mpl.get_data_path()) / "fonts" / "ttf"
    assert (fonts_of_figures() / "DejaVuSans.ttf").is_file()


def test_writing_a_report_loads_nothing_that_computes() -> None:
    """Each of these takes a tenth of a second of every cohort's report, or more."""
    asked = (
        "import sys, kinechain.publish; print({'scipy', 'matplotlib', 'networkx', 'statsmodels'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", asked], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "set()"
