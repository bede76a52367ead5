"""Readers: what is found by looking, what is refused, and drafts."""

import zipfile
from pathlib import Path
from typing import Any

import pandas as pd
import pyreadstat
import pytest
import yaml

from kinechain import draft, preflight
from kinechain.measures import Dictionary
from kinechain.raw_table import unique_names
from kinechain.readers import delimited, labelled
from tests.fixtures.make_fixtures import base_columns, make, write_xlsx
from tests.fixtures.study import ROOT, cohort_of, lines_of, values, write_study

AGE = {"age": {"measure": "age_y"}}
BOOK = {"file": "data/people.xlsx", "format": "excel"}


def book(tmp_path: Path, rows: list[list[object]], **sheets: list[list[object]]) -> None:
    (tmp_path / "data").mkdir(exist_ok=True)
    write_xlsx(tmp_path / "data" / "people.xlsx", {"DATA": rows, **sheets})


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "windows-1252", "utf-16"])
def test_separator_and_encoding_are_found_by_looking(tmp_path: Path, separator: str, encoding: str) -> None:
    text = "id;Größe;age\n1;170;40\n2;180;50\n3;175;60\n".replace(";", separator)
    columns = {"Größe": {"measure": "height_cm", "unit": "cm"}, **AGE}
    assert values(cohort_of(tmp_path, text.encode(encoding), columns), "height_cm") == [170, 180, 175]


def test_a_decimal_comma_is_found_and_told(tmp_path: Path) -> None:
    cohort = cohort_of(tmp_path, "id;cva\n1;48,5\n2;51,25\n", {"cva": {"measure": "cva_deg"}})
    assert values(cohort, "cva_deg") == [48.5, 51.25]
    assert "numbers are read with a decimal comma, found by looking" in [finding.what for finding in cohort.findings]


def test_a_headed_twice_column_is_named_by_its_place(tmp_path: Path) -> None:
    assert unique_names(["a", " a ", "", "b  c", "\x1b[31mred"]) == ["a#1", "a#2", "column_3", "b c", "[31mred"]
    lines = lines_of(tmp_path, "id,age,age\n1,40,41\n2,50,51\n", AGE)
    assert lines == [
        "data/people.csv: several columns are headed `age` (config/cohorts/c.yaml:8:3). Write `age#1`, `age#2` ... in "
        "the order of the file."
    ]
    cohort = cohort_of(tmp_path, "id,age,age\n1,40,41\n2,50,51\n", {"age#2": {"measure": "age_y"}})
    assert values(cohort, "age_y") == [41, 51]


def test_a_title_above_the_header_of_a_workbook_is_pointed_out(tmp_path: Path) -> None:
    rows = [["Clinic"], [], ["id", "age", "sex"], ["1", 40, "m"], ["2", 50, "f"]]
    book(tmp_path, rows)
    columns = {**AGE, "sex": {"measure": "sex"}}
    assert lines_of(tmp_path, None, columns, **BOOK) == [
        "data/people.xlsx: row 1 of the sheet is not the header: it has no `id` (config/cohorts/c.yaml:6:1). Row 3 "
        "holds 3 of the mapped names: add `read: {header_row: 3}`."
    ]
    assert values(cohort_of(tmp_path, None, columns, **BOOK, read={"header_row": 3}), "sex") == [0, 1]


def test_an_unknown_sheet_gets_the_closest(tmp_path: Path) -> None:
    book(tmp_path, [["id", "age"], ["1", 40]])
    (line,) = lines_of(tmp_path, None, AGE, **BOOK, read={"sheet": "DATE"})
    assert line == "data/people.xlsx: there is no sheet `DATE` (config/cohorts/c.yaml:1:1). Did you mean `DATA`?"


def test_a_cell_far_away_is_refused_before_it_fills_the_memory(tmp_path: Path) -> None:
    book(tmp_path, [["id", "age"], ["1", 40]])
    path = tmp_path / "data" / "people.xlsx"
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    far = b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>'
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content.replace(b"</sheetData>", far))
    (line,) = lines_of(tmp_path, None, AGE, **BOOK)
    assert line.startswith("data/people.xlsx: a sheet spans more than 20 million cells")


def test_a_workbook_that_unfolds_without_end_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    with zipfile.ZipFile(tmp_path / "data" / "people.xlsx", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b" " * 420_000_000)
    (line,) = lines_of(tmp_path, None, AGE, **BOOK)
    assert line.startswith("data/people.xlsx: the workbook unfolds to more than 400 MB")


@pytest.mark.parametrize(
    ("name", "form", "said"),
    [
        ("people.xlsx", "excel", "this is not a whole xlsx, xls or ods workbook"),
        ("people.sav", "sav", "this is not a whole SPSS file"),
        ("people.dta", "dta", "this is not a whole Stata file"),
        ("people.parquet", "parquet", "this is not a whole parquet file"),
    ],
)
def test_a_file_of_another_kind_is_refused(tmp_path: Path, name: str, form: str, said: str) -> None:
    (line,) = lines_of(tmp_path, b"id,age\n1,40\n", AGE, file=f"data/{name}", format=form)
    assert line.startswith(f"data/{name}: {said}")


def test_a_field_on_two_rows_of_a_record_needs_a_visit(tmp_path: Path) -> None:
    data = """
    record_id,redcap_event_name,age,cva
    1,base_arm_1,40,50
    1,late_arm_1,,52
    2,base_arm_1,50,48
    """
    columns = {**AGE, "cva": {"measure": "cva_deg"}}
    keys = {"format": "redcap", "id": "record_id"}
    (line,) = lines_of(tmp_path, data, columns, **keys)
    assert line.startswith(
        "data/people.csv: fewer than 10 values of column `cva` stand on a second row of the same person"
    )
    told = cohort_of(tmp_path, data, columns, **keys, design="longitudinal", visit="redcap_event_name")
    assert values(told, "cva_deg_late_arm_1") == [52, None]
    (line,) = lines_of(tmp_path, data, columns, **keys, read={"events": ["base_arm"]})
    assert line.startswith("data/people.csv: the event `base_arm` does not occur in column `redcap_event_name`")


def test_a_draft_leaves_open_what_the_file_cannot_say(tmp_path: Path) -> None:
    config = write_study(tmp_path / "study", None, AGE)
    (config / "config.yaml").write_text("cohorts:\n  - demo\nmodels: []\n")
    data = tmp_path / "My study.csv"
    rows = "\n".join(f"{i:03d},{60 + i % 9},{150 + i % 7},{30 + i},{1 + i % 2},x{i},{68 + i % 5}" for i in range(30))
    data.write_text(f"id,SLR left,ake_r,Age,sex,name,height\n{rows}\n")
    path = draft.draft_study(tmp_path / "study", data)
    drawn = yaml.safe_load(path.read_text())
    assert path.name == "my_study.yaml"
    assert (config / "config.yaml").read_text() == "cohorts: [my_study]\nmodels: []\n"
    assert drawn["columns"]["SLR left"] == {"measure": "slr_passive_deg", "side": "left"}
    assert drawn["columns"]["ake_r"]["convention"] == "included"
    assert drawn["columns"]["ake_r"]["undecided"] == ["the convention is the only one that fits the range: confirm it"]
    assert drawn["columns"]["height"]["unit"] == "inch"
    assert drawn["columns"]["sex"]["undecided"] == ["which number is male and female? Write it under codes"]
    assert "name" not in drawn["columns"]
    assert "x3" not in path.read_text()
    assert len(preflight.check_cohort("my_study", config)) == 2  # design and synthetic; the rest once these are said
    settled = drawn | {"design": "cross_sectional", "synthetic": False}
    path.write_text(yaml.safe_dump(settled))
    assert any("sampling_frame" in str(problem) for problem in preflight.check_cohort("my_study", config))


@pytest.mark.parametrize("last", ["61.5", "soft"])
def test_a_large_file_is_read_as_a_small_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last: str) -> None:
    """Whole numbers become fractions, or words, only in a later block."""
    rows = [f"{number:04d},{60 + number % 9},{20 + number % 40}" for number in range(400)]
    data = "\n".join(["id,slr,age", *rows, f"0400,{last},44"]) + "\n"
    columns = {"slr": {"measure": "slr_passive_deg", "codes": {"soft": 61.5}}, "age": {"measure": "age_y"}}
    as_small = cohort_of(tmp_path, data, columns)
    monkeypatch.setattr(delimited, "_LARGE", 0)
    monkeypatch.setattr(delimited, "_BLOCK", 1000)
    as_large = cohort_of(tmp_path, data, columns)
    assert as_large.n == 401
    assert as_large.digest == as_small.digest
    said = lines_of(tmp_path, data + "0401,60\n", columns)
    assert len(said) == 1
    assert said[0].startswith("data/people.csv: 1 rows have another number of fields than the header")


def test_each_column_of_an_spss_file_can_be_let_go(tmp_path: Path) -> None:
    """A column that was used gives its memory back: it is no part of a block that the others keep."""
    path = tmp_path / "people.sav"
    pyreadstat.write_sav(pd.DataFrame({"id": ["a", "b"], "age": [30.0, 40.0], "slr": [60.0, 70.0]}), path)
    frame = labelled.read_sav(path, "people.sav", None, {}, Dictionary({}, {})).frame
    assert list(frame["age"]) == [30.0, 40.0]
    for name in ("age", "slr"):
        held = frame[name].to_numpy()
        while held.base is not None:
            held = held.base
        assert held.size == len(frame)


def test_values_an_spss_file_declares_missing_are_counted(tmp_path: Path) -> None:
    people = pd.DataFrame(
        {"id": ["a", "b", "c", "d"], "age": [30.0, 991.0, 999.0, 40.0], "town": ["x", "NA", "y", "z"]}
    )
    missing = {"age": [{"lo": 990, "hi": 999}], "town": ["NA"]}
    path = tmp_path / "people.sav"
    pyreadstat.write_sav(people, path, missing_ranges=missing)
    raw = labelled.read_sav(path, "people.sav", None, {}, Dictionary({}, {}))
    assert raw.frame["town"].isna().tolist() == [False, True, False, False]
    assert raw.frame["age"].isna().tolist() == [False, True, True, False]
    assert [(one.level, one.what, one.count) for one in raw.findings] == [
        ("note", "values of column `age` are missing by the file's own declaration", 2),
        ("note", "values of column `town` are missing by the file's own declaration", 1),
    ]
    kept = labelled.read_sav(path, "people.sav", None, {"user_missing": False}, Dictionary({}, {}))
    assert kept.frame["age"].tolist() == [30, 991, 999, 40]
    assert kept.findings == ()


def test_a_row_of_means_below_an_empty_one_is_asked_about(tmp_path: Path) -> None:
    rows: list[list[object]] = [["age", "slr", "cva"], [30, 60, 50], [40, 70, 48], [], ["Mean", 65, 49], ["* by hand"]]
    book(tmp_path, rows)
    columns = {"age": {"measure": "age_y"}, "slr": {"measure": "slr_passive_deg"}}
    said = lines_of(tmp_path, None, columns, **BOOK, id=None)
    assert said[0] == (
        "data/people.xlsx: the sheet has filled rows below an empty one at its end, as a footer with means has "
        "(config/cohorts/c.yaml:6:1). Say `read: {footer_rows: 2}` to leave them out, or `footer_rows: 0` if they are "
        "people."
    )
    assert cohort_of(tmp_path, None, columns, **BOOK, id=None, read={"footer_rows": 2}).n == 2
    text = draft.draft_cohort(
        tmp_path / "data/people.xlsx", "data/people.xlsx", preflight.read_dictionary(ROOT / "config")
    )
    assert yaml.safe_load(text)["read"] == {"footer_rows": 2}


def drafted(path: Path, **table: list[object]) -> dict[str, Any]:
    """The draft of a csv with these columns, each repeated to forty rows."""
    pd.DataFrame({name: (values * 40)[:40] for name, values in table.items()}).to_csv(path, sep="\t", index=False)
    text = draft.draft_cohort(path, path.name, preflight.read_dictionary(ROOT / "config"))
    return {"text": text, **yaml.safe_load(text)}


def test_a_draft_reads_visits_units_and_sides_off_the_heads(tmp_path: Path) -> None:
    angles: list[object] = [48.5, 51.0, 50.5]
    heads: dict[str, list[object]] = {"löpnr": [*range(40)], "T1_CVA": angles, "T2_CVA": angles, "TK T4-T12": [41, 38]}
    heads |= {"Lasègue höger": [61, 66], "Längd (cm)": [171, 164], "T1 slope": [24, 27], "Weight [stone]": [11, 12]}
    heads |= {f"T{visit}_ndi_{item}": [1, 2, 3] for visit in (1, 2) for item in range(1, 11)}
    heads |= {"PRED_CVA": angles, "Side": ["L", "R"]}
    found = drafted(tmp_path / "people.tsv", **heads)
    columns = found["columns"]
    assert found["id"] == "löpnr"
    assert found["read"] == {"separator": "\t"}
    assert columns["T2_CVA"]["visit"] == "t2"
    assert columns["T2_CVA"]["undecided"] == ["is t2 a visit, as other columns differ by it alone? Confirm it"]
    assert columns["T1_ndi_4"] | {"undecided": []} == {
        "measure": "ndi_pct",
        "item": "reading",
        "visit": "t1",
        "undecided": [],
    }
    assert columns["Lasègue höger"] == {"measure": "slr_passive_deg", "side": "right"}
    assert columns["Längd (cm)"] == {"measure": "height_cm", "unit": "cm"}
    assert columns["T1 slope"]["measure"] == "t1_slope_deg"
    assert "visit" not in columns["TK T4-T12"]
    assert "visit" not in columns["T1 slope"]
    assert columns["Weight [stone]"]["unit"] == "stone"
    assert "PRED_CVA" not in columns
    assert "#   PRED_CVA (made by a program, not measured: never map it)" in found["text"]
    assert "# side: Side # by its name; take the first # away if so" in found["text"]
    assert found["constructs"]["bmi"] == "bmi"


def test_a_draft_asks_which_of_two_scales_a_score_is_on(tmp_path: Path) -> None:
    low = drafted(tmp_path / "people.csv", id=[*range(40)], NDI=[12, 20, 31])["columns"]["NDI"]
    assert low["undecided"] == [
        "is it Neck Disability Index, per cent or Neck Disability Index, points of 50? The name says either"
    ]
    assert drafted(tmp_path / "people.csv", id=[*range(40)], NDI=[12, 62, 31])["columns"]["NDI"] == {
        "measure": "ndi_pct"
    }
    pain = drafted(tmp_path / "people.csv", id=[*range(40)], **{"Neck pain": [12, 62, 80]})["columns"]["Neck pain"]
    assert pain["measure"] == "neck_vas_mm"


def test_a_draft_of_a_csv_finds_units_and_thousands(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    body = "".join(f"{i};1,7{i % 9};1.{i:03d},5\n" for i in range(1, 40))
    path.write_text("Nr;height;MET\n;m;\n" + body)
    found = yaml.safe_load(draft.draft_cohort(path, path.name, preflight.read_dictionary(ROOT / "config")))
    assert found["read"] == {"separator": ";", "decimal": ",", "thousands": ".", "units_row": 2}
    assert found["columns"]["MET"] == {"measure": "pa_met_min_wk"}


def test_a_draft_tells_what_a_file_calls_its_codes(tmp_path: Path) -> None:
    path = tmp_path / "people.sav"
    labels = {"kön": {1: "Kvinna", 2: "Man"}}
    pyreadstat.write_sav(pd.DataFrame({"id": [1.0, 2.0], "kön": [1.0, 2.0]}), path, variable_value_labels=labels)
    found = yaml.safe_load(draft.draft_cohort(path, path.name, preflight.read_dictionary(ROOT / "config")))
    assert found["columns"]["kön"]["undecided"] == [
        "the labels in the file say 1 Kvinna, 2 Man; labels are often swapped: confirm them or write codes"
    ]


def test_a_cohort_is_named_in_plain_letters(tmp_path: Path) -> None:
    config = write_study(tmp_path, None, AGE)
    (config / "config.yaml").write_text("cohorts: []\n")
    data = tmp_path / "Körperhaltung 2.csv"
    data.write_text("id,age\n1,40\n")
    assert draft.draft_study(tmp_path, data).name == "korperhaltung_2.yaml"


DRAFTED = ("f01", "f02", "f03", "f04", "f05", "f06", "f06_dta", "f07", "f07_ods", "f08", "f09", "f10", "f17", "f18")


@pytest.fixture(scope="module")
def fixtures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("drafts"))


@pytest.mark.parametrize("name", DRAFTED)
def test_a_draft_is_refused_until_it_is_decided_and_then_runs(fixtures: Path, name: str) -> None:
    """What the draft of a fixture's file leaves open is answered from the fixture's own yaml; nothing else is added."""
    config = fixtures
    truth = yaml.safe_load((config / "cohorts" / f"{name}.yaml").read_text(encoding="utf-8"))
    text = draft.draft_cohort(config.parent / truth["file"], truth["file"], preflight.read_dictionary(config))
    file = config / "cohorts" / f"draft_{name}.yaml"
    file.write_text(text, encoding="utf-8")
    refused = [str(problem) for problem in preflight.check_cohort(file.stem, config)]
    assert [line for line in refused if "design = `undecided`" in line]
    assert [line for line in refused if "synthetic = `undecided`" in line]
    entry = yaml.safe_load(text)
    assert {"file": entry["file"], "format": entry["format"]} == {"file": truth["file"], "format": truth["format"]}
    assert len(entry["columns"]) >= min(5, len(truth["columns"]))
    for key in ("design", "sampling_frame", "synthetic"):
        entry[key] = "general" if key == "sampling_frame" else truth[key]
    file.write_text(yaml.safe_dump(entry, allow_unicode=True), encoding="utf-8")
    refused = [str(problem) for problem in preflight.check_cohort(file.stem, config)]
    open_questions = sum(len(column.get("undecided", ())) for column in entry["columns"].values())
    assert len([line for line in refused if " is undecided: " in line]) == open_questions
    answered = {column: truth["columns"][column] for column in entry["columns"] if column in truth["columns"]}
    kept = {key: truth[key] for key in truth if key not in ("columns", "constructs", "file", "format")}
    measures = {column["measure"] for column in answered.values()}
    stand = {key: measure for key, measure in truth["constructs"].items() if measure in measures}
    decided = {
        **entry,
        **kept,
        "columns": answered,
        "constructs": stand,
        "read": {**entry.get("read", {}), **truth.get("read", {})},
    }
    file.write_text(yaml.safe_dump(decided, allow_unicode=True), encoding="utf-8")
    assert [str(problem) for problem in preflight.check_cohort(file.stem, config)] == []


def test_the_head_of_a_workbook_is_found_by_looking(fixtures: Path) -> None:
    text = draft.draft_cohort(fixtures.parent / "data/f18.xlsx", "data/f18.xlsx", preflight.read_dictionary(fixtures))
    assert yaml.safe_load(text)["read"] == {"sheet": "Angles", "header_row": 9, "units_row": 10}


def test_a_draft_of_an_export_asks_about_events_and_codes(fixtures: Path) -> None:
    text = draft.draft_cohort(fixtures.parent / "data/f04.csv", "data/f04.csv", preflight.read_dictionary(fixtures))
    assert "redcap_event_name holds baseline_arm_1, followup_arm_1" in text
    assert "# -99, -98 stand where no such value can be" in text
    assert yaml.safe_load(text)["columns"]["work"]["item"] == "work"


def test_a_header_cannot_smuggle_yaml_into_a_draft(tmp_path: Path) -> None:
    config = write_study(tmp_path, None, AGE)
    data = tmp_path / "data" / "x.csv"
    data.write_text('"age\'}, evil: !!python/object:os.system {""a",b\n40,1\n50,2\n')
    text = draft.draft_cohort(data, "data/x.csv", preflight.read_dictionary(config))
    assert "evil" not in yaml.safe_load(text)


REAL = ROOT.parent / "shared" / "data"


@pytest.mark.skipif(not REAL.is_dir(), reason="the real files are not beside this repository (../shared/data)")
def test_real_radiographs_need_a_yaml_and_no_code(tmp_path: Path) -> None:
    entry = yaml.safe_load((ROOT / "tests/fixtures/real/vertebral_rows.yaml").read_text(encoding="utf-8"))
    data = (REAL / "vertebral_column" / "column_3C.csv").read_bytes()
    cohort = cohort_of(tmp_path, data, entry.pop("columns"), **entry, id=None)
    assert cohort.people is not None
    r = cohort.people.corr()
    assert (cohort.n, cohort.flow[1].removed) == (100, 210)
    assert r.loc["xr_pt_deg", "ll_cobb_deg"] == pytest.approx(0.303, abs=0.002)
    pt_pi, ll_pi = r.loc["xr_pt_deg", "xr_pi_deg"], r.loc["ll_cobb_deg", "xr_pi_deg"]
    given = (r.loc["xr_pt_deg", "ll_cobb_deg"] - pt_pi * ll_pi) / ((1 - pt_pi**2) * (1 - ll_pi**2)) ** 0.5
    assert given == pytest.approx(-0.257, abs=0.002)


@pytest.mark.skipif(not REAL.is_dir(), reason="the real files are not beside this repository (../shared/data)")
def test_a_real_spreadsheet_needs_a_yaml_and_no_code(tmp_path: Path) -> None:
    entry = yaml.safe_load((ROOT / "tests/fixtures/real/posture_rows.yaml").read_text(encoding="utf-8"))
    data = (REAL / "posture_guimond" / "posture_raw.csv").read_bytes()
    cohort = cohort_of(tmp_path, data, entry.pop("columns"), **entry, id=None)
    assert cohort.people is not None
    assert (cohort.n, cohort.people["bmi"].between(15, 50).all()) == (98, True)
    assert [finding.level for finding in cohort.findings if finding.level == "error"] == []


def test_fixture_columns_are_all_known(tmp_path: Path) -> None:
    dictionary = preflight.read_dictionary(ROOT / "config")
    assert {entry["measure"] for entry in base_columns().values()} <= set(dictionary.measures)
