import errno
import os
import sys
from pathlib import Path

import pytest

from kinechain.errors import Problem, UserError
from kinechain.log import logged


def test_what_is_printed_goes_to_the_log_also_from_below_python(tmp_path: Path) -> None:
    with logged(str(tmp_path / "a.log")):
        print("said")
        sys.stdout.flush()
        os.write(2, b"written\n")
    assert sorted((tmp_path / "a.log").read_text().split()) == ["said", "written"]


def test_a_mistake_of_the_user_is_one_line_and_code_2(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as stop, logged(str(tmp_path / "a.log")):
        raise UserError(Problem("a.yaml", "wrong", "Mend it"))
    assert stop.value.code == 2
    assert (tmp_path / "a.log").read_text() == "a.yaml: wrong. Mend it.\n"


def test_a_bug_keeps_its_traceback_and_is_code_1(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as stop, logged(str(tmp_path / "a.log")):
        raise ZeroDivisionError
    assert stop.value.code == 1
    assert "ZeroDivisionError" in (tmp_path / "a.log").read_text()


def test_a_disk_that_takes_no_more_is_one_line_and_code_2(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as stop, logged(str(tmp_path / "a.log")):
        raise OSError(errno.ENOSPC, "No space left on device", "reports/x.csv")
    assert stop.value.code == 2
    assert (tmp_path / "a.log").read_text() == (
        "reports/x.csv: the disk is full: this was not written. "
        "Make room and run it again: it goes on where it stopped.\n"
    )


def test_what_a_full_log_does_not_take_is_told_on_the_screen(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop, logged("/dev/full"):
        print("a line that the disk does not take")
    assert stop.value.code == 2
    told = capfd.readouterr().err
    assert told.startswith("/dev/full: the disk is full: this was not written. Make room") and "Traceback" not in told


def test_a_log_that_may_not_be_written_is_one_line_and_code_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("kinechain.log.open", refuse, raising=False)
    with pytest.raises(SystemExit) as stop, logged("logs/a.log"):
        pass
    assert stop.value.code == 2
    assert capsys.readouterr().err == (
        "logs/a.log: it cannot be written: its permissions, or those of the disk, forbid it. "
        "Make it writable, or copy the study to a place that is.\n"
    )
