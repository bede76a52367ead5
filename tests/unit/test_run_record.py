"""What belongs to one run: jobs from benchmark files, and a page that names neither machine nor user."""

import getpass
import platform
from pathlib import Path

from kinechain.run_record import Job, by_rule, describe_run, read_jobs, run_page

HEAD = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n"


def logs(folder: Path) -> Path:
    for name, row in {
        "write_index.tsv": "0.5\t0:00:00\t-\t-\t-\t-\t-\t-\t0.00\t0.00",
        "clinic/build_cohort.tsv": "2.0\t0:00:02\t120.5\t1\t1\t1\t1\t1\t90\t1.8",
        "clinic/fit_model/M1.tsv": "3.0\t0:00:03\t200.0\t1\t1\t1\t1\t1\t90\t2.5",
        "clinic/fit_model/M2.tsv": "4.0\t0:00:04\t150.0\t1\t1\t1\t1\t1\t90\t3.5",
    }.items():
        path = folder / "logs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{HEAD}{row}\n")
    return folder / "logs"


def test_jobs_are_read_from_benchmark_files(tmp_path: Path) -> None:
    jobs = read_jobs(logs(tmp_path))
    assert Job("fit_model", "clinic M1", 3.0, 2.5, 200.0) in jobs
    assert Job("write_index", "", 0.5, 0.0, None) in jobs
    assert by_rule(jobs)["fit_model"] == {"jobs": 2, "seconds": 7.0, "cpu_seconds": 6.0, "memory_mb": 200.0}
    assert list(by_rule(jobs)) == ["fit_model", "build_cohort", "write_index"]
    assert by_rule(jobs)["write_index"]["memory_mb"] is None


def test_the_page_names_processor_and_time_and_no_machine_or_user(tmp_path: Path) -> None:
    logs(tmp_path)
    run = describe_run(tmp_path)
    page = run_page(run, "A study")
    assert {"date", "machine", "git", "packages", "rules", "jobs"} == set(run)
    assert "fit_model" in page and "200.0" in page
    assert str(tmp_path) not in page
    if len(platform.node()) > 3:
        assert platform.node() not in page
    if len(getpass.getuser()) > 4:
        assert getpass.getuser() not in page
