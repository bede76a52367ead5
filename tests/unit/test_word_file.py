"""The Word file: real tables, editable text, alternative texts, hostile text inert, equal bytes."""

import io
import shutil
import subprocess
import zipfile
from functools import cache
from itertools import pairwise
from pathlib import Path

import docx
import pytest

from kinechain.document import Document, Table
from kinechain.report import WORD
from kinechain.word_file import render_docx, shown
from tests.fixtures.hostile import HOSTILE, hostile
from tests.fixtures.report_inputs import people_results
from tests.unit.test_report import document_of


@cache
def document() -> Document:
    return document_of(people_results(n=120))


def test_tables_are_tables_and_numbers_are_text() -> None:
    word = docx.Document(io.BytesIO(render_docx(document())))
    first_cells = {table.rows[0].cells[0].text for table in word.tables}
    assert {"Claim", "Effect", "Measure", "Model"} <= first_cells
    headings = {
        paragraph.text
        for paragraph in word.paragraphs
        if paragraph.style is not None and paragraph.style.name == "Heading 1"
    }
    assert {section.title for section in document().sections} <= headings


def test_every_picture_has_its_alternative_text_and_every_page_says_synthetic() -> None:
    word = docx.Document(io.BytesIO(render_docx(document())))
    assert len(word.inline_shapes) > 4
    assert all(len(shape._inline.docPr.get("descr")) > 30 for shape in word.inline_shapes)
    assert all("SYNTHETIC DATA" in section.header.paragraphs[0].text for section in word.sections)


def test_hostile_text_is_text_and_control_characters_are_spaces() -> None:
    word = docx.Document(io.BytesIO(render_docx(document_of(hostile(people_results(n=120)), with_pictures=False))))
    assert any(HOSTILE.strip() in paragraph.text for paragraph in word.paragraphs)
    assert shown("a\x00b\x1bc\td") == "a b c\td"


def test_equal_documents_give_equal_bytes_without_a_date() -> None:
    first, second = render_docx(document()), render_docx(document())
    assert first == second
    with zipfile.ZipFile(io.BytesIO(first)) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_the_page_links_the_word_file_only_when_it_is_made() -> None:
    assert WORD in {link.target for link in document_of(people_results(n=120), with_pictures=False).files}


@pytest.mark.slow
def test_libreoffice_opens_it_and_gives_every_table_back(tmp_path: Path) -> None:
    office = shutil.which("soffice") or shutil.which("libreoffice")
    if office is None:
        pytest.skip("no LibreOffice on this machine: apt-get install --no-install-recommends libreoffice-writer")
    ours, theirs = tmp_path / "report.docx", tmp_path / "back" / "report.docx"
    ours.write_bytes(render_docx(document()))
    command = [office, f"-env:UserInstallation={(tmp_path / 'profile').as_uri()}", "--headless", "--convert-to", "docx"]
    subprocess.run([*command, "--outdir", theirs.parent, ours], check=True, capture_output=True, timeout=300)
    before, after = (
        [[[cell.text for cell in row.cells] for row in table.rows] for table in docx.Document(str(path)).tables]
        for path in (ours, theirs)
    )
    assert len(before) > 5
    assert after == before


def test_headings_go_down_one_level_at_a_time() -> None:
    word = docx.Document(io.BytesIO(render_docx(document())))
    names = [paragraph.style.name for paragraph in word.paragraphs if paragraph.style is not None]
    levels = [int(name.removeprefix("Heading ")) for name in names if name and name.startswith("Heading ")]
    assert set(levels) >= {1, 2, 3}
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_tables_keep_to_the_sheet_and_repeat_their_heads() -> None:
    word = docx.Document(io.BytesIO(render_docx(document())))
    sheet = word.sections[0]
    assert sheet.page_width is not None
    line = sheet.page_width - (sheet.left_margin or 0) - (sheet.right_margin or 0)
    captions = [it.text for it in word.paragraphs if it.style is not None and it.style.name == "Caption"]
    assert [text for text in captions if text.startswith("Table ")] == [
        text
        for number, text in enumerate((it for it in captions if it.startswith("Table ")), start=1)
        if text.startswith(f"Table {number}. ")
    ]
    for table in word.tables:
        widths = [column.width or 0 for column in table.columns]
        assert 0 < sum(widths) <= line * 1.01
        assert table._tbl.tr_lst[0].trPr is not None
        assert table._tbl.tr_lst[0].trPr.xpath("./w:tblHeader")


def test_a_work_opens_when_its_link_is_pressed_and_nothing_else_leads_outside() -> None:
    word = docx.Document(io.BytesIO(render_docx(document())))
    outside = {it.target_ref for it in word.part.rels.values() if it.is_external}
    assert outside
    assert all(target.startswith("https://doi.org/10.") for target in outside)


def test_a_tables_cells_are_those_of_the_document() -> None:
    told = next(
        block
        for section in document().sections
        for block in section.blocks
        if isinstance(block, Table) and block.name == "fit"
    )
    word = docx.Document(io.BytesIO(render_docx(document())))
    made = next(table for table in word.tables if table.rows[0].cells[0].text == "Model")
    assert [[cell.text for cell in row.cells] for row in made.rows[1:]] == [[c.text for c in row] for row in told.rows]
