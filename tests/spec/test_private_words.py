"""Names, dates of birth and free text: refused, unless as a keyed hash whose key lies outside the study."""

import hashlib
import hmac
from pathlib import Path

import pytest

from kinechain import io
from kinechain.errors import UserError
from kinechain.preflight import load_cohort
from kinechain.pseudonyms import read_key
from tests.fixtures.study import cohort_of, lines_of, write_study

COLUMNS = {"cva": {"measure": "cva_deg"}, "age": {"measure": "age_y"}}
NAMES = "who,cva,age\nAnna Berg,50,40\nBo Åkesson,46,50\nCem Ünal,48,60\n"
SECRET = "0123456789abcdef0123456789abcdef"
HASHED = {"column": "who", "hash": "keyed"}


def test_ids_that_are_names_are_refused(tmp_path: Path) -> None:
    said = lines_of(tmp_path, NAMES, COLUMNS, id="who")
    assert said == [
        "data/people.csv: fewer than 10 ids of column `who` look like names, dates of birth or free text "
        "(config/cohorts/c.yaml:6:1). Name a column of codes, or keep a keyed hash: "
        "`id: {column: who, hash: keyed}`."
    ]


@pytest.mark.parametrize("ids", ["1980-02-29,31.12.1999,7/8/1970", "a@b.se,c@d.se,e@f.se", "Anna,Bertil,Cecilia"])
def test_ids_that_are_dates_or_addresses_are_refused(tmp_path: Path, ids: str) -> None:
    rows = "".join(f"{word},50,40\n" for word in ids.split(","))
    assert any("look like names" in line for line in lines_of(tmp_path, f"id,cva,age\n{rows}", COLUMNS))


@pytest.mark.parametrize("ids", ["001,002,003", "A-1,B-2,C-3", "P01x,P02x,P03x", "AB,CD,EF", "a,b,c"])
def test_ids_that_are_codes_are_not(tmp_path: Path, ids: str) -> None:
    rows = "".join(f"{word},{50 + at},{40 + at}\n" for at, word in enumerate(ids.split(",")))
    assert lines_of(tmp_path, f"id,cva,age\n{rows}", COLUMNS) == []


def test_a_column_that_is_headed_as_a_name_is_refused(tmp_path: Path) -> None:
    said = lines_of(tmp_path, "patientName,cva,age\n1,50,40\n2,46,50\n", COLUMNS, id="patientName")
    assert said == [
        "config/cohorts/c.yaml:6:1: column `patientName` names people, by its head. Name a column of codes, or keep a "
        "keyed hash: `id: {column: patientName, hash: keyed}`."
    ]


def test_a_keyed_hash_replaces_the_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KINECHAIN_KEY", SECRET)
    cohort = cohort_of(tmp_path, NAMES, COLUMNS, id=HASHED)
    assert cohort.people is not None
    expected = [
        hmac.new(SECRET.encode(), b"id\0" + name.encode(), hashlib.sha256).hexdigest()[:32]
        for name in ("Anna Berg", "Bo Åkesson", "Cem Ünal")
    ]
    assert [*cohort.people["person"]] == expected
    assert cohort.roles["person"] == "person"
    stored = tmp_path / "cohort.parquet"
    io.write_cohort(cohort, stored)
    assert SECRET.encode() not in stored.read_bytes()
    assert b"Anna" not in stored.read_bytes()
    assert io.read_cohort(stored).digest == cohort.digest


def test_the_key_changes_the_hash_and_not_the_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = write_study(tmp_path, NAMES, COLUMNS, id=HASHED)
    monkeypatch.setenv("KINECHAIN_KEY", SECRET)
    first = load_cohort("c", config)
    monkeypatch.setenv("KINECHAIN_KEY", SECRET[::-1])
    second = load_cohort("c", config)
    assert first.people is not None
    assert second.people is not None
    assert not set(first.people["person"]) & set(second.people["person"])
    assert first.digest == second.digest


def test_a_cluster_is_hashed_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = "id,therapist_name,cva,age\n1,Dr Berg,50,40\n2,Dr Berg,46,50\n3,Dr Lind,47,55\n"
    assert any("names people" in line for line in lines_of(tmp_path, data, COLUMNS, cluster="therapist_name"))
    monkeypatch.setenv("KINECHAIN_KEY", SECRET)
    cohort = cohort_of(tmp_path, data, COLUMNS, cluster={"column": "therapist_name", "hash": "keyed"})
    assert cohort.people is not None
    clusters = [*cohort.people["cluster"]]
    assert clusters[0] == clusters[1] != clusters[2]
    assert all(len(word) == 32 for word in clusters)


def test_without_a_key_nothing_is_hashed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KINECHAIN_KEY", raising=False)
    monkeypatch.delenv("KINECHAIN_KEY_FILE", raising=False)
    said = lines_of(tmp_path, NAMES, COLUMNS, id=HASHED)
    assert said == [
        "KINECHAIN_KEY: a column is to be hashed and there is no key. Set KINECHAIN_KEY, or name a file outside the "
        "study in KINECHAIN_KEY_FILE."
    ]


@pytest.mark.parametrize("place", ["study/key", "study/config/key", "repository-file", "link"])
def test_a_key_inside_the_study_or_its_repository_is_refused(tmp_path: Path, place: str) -> None:
    (tmp_path / ".git").mkdir()
    study = tmp_path / "study"
    (study / "config").mkdir(parents=True)
    file = tmp_path / place
    if place == "link":
        (study / "inside").write_text(SECRET)
        file.symlink_to(study / "inside")
    else:
        file.write_text(SECRET)
    with pytest.raises(UserError) as error:
        read_key(study, {"KINECHAIN_KEY_FILE": str(file)})
    assert "the key lies inside the study or its repository" in str(error.value)
    assert SECRET not in str(error.value)


def test_a_key_outside_is_read_and_a_short_one_refused(tmp_path: Path) -> None:
    study = tmp_path / "study"
    study.mkdir()
    (tmp_path / "key").write_text(f"{SECRET}\n")
    assert read_key(study, {"KINECHAIN_KEY_FILE": str(tmp_path / "key")}) == SECRET.encode()
    with pytest.raises(UserError, match="shorter than 16 bytes"):
        read_key(study, {"KINECHAIN_KEY": "secret"})
    with pytest.raises(UserError, match="cannot be read"):
        read_key(study, {"KINECHAIN_KEY_FILE": str(tmp_path / "none")})
