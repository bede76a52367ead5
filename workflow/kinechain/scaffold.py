"""A new study in a folder of its own: it uses this workflow as a Snakemake module and becomes yours by editing yaml."""

from __future__ import annotations

import shutil
from pathlib import Path

from kinechain.errors import Problem, UserError
from kinechain.io import write_text

HOME = Path(__file__).resolve().parents[2]
"""The folder this workflow is installed in; a study only reads from it."""

SNAKEFILE = '''\
"""A study of its own, run by the kinechain workflow; edit config/, not this file."""

from kinechain.scaffold import workflow_file


configfile: "config/config.yaml"


module kinechain:
    snakefile:
        workflow_file()
    config:
        config


use rule * from kinechain


rule default:
    """What a plain `snakemake` makes: the whole study."""
    default_target: True
    input:
        rules.all.input,
'''

README = """\
# A kinechain study

- `kinechain check` tells every mistake in config and data at once, before anything runs.
- `snakemake` makes the reports; open `reports/index.html`.

It runs at once on the synthetic demo cohorts. To make it yours: put your file in `data/`, describe it in
`config/cohorts/<name>.yaml` (the demo's is one to imitate, `config/README.md` explains every key), name it in
`config/config.yaml`, and take the demo cohorts out of the list.
"""

IGNORED = ".snakemake/\ndata/derived/\nlogs/\nreports/*\n!reports/manifest.json\n"


def workflow_file() -> str:
    """The canonical Snakefile, for a study's `module` statement."""
    return str(HOME / "workflow" / "Snakefile")


def start_study(folder: Path) -> tuple[Path, ...]:
    """Make a study in `folder`, which must be new or empty; returns the files made.

    Raises UserError when the folder holds something already or cannot be written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        what = "the folder is not empty" if folder.is_dir() else "this is a file"
        raise UserError(Problem(str(folder), what, "Name a new folder: `kinechain init DIR`"))
    try:
        for name in ("config", "data/demo", "data/published", "profiles"):
            shutil.copytree(
                HOME / name, folder / name, copy_function=_copy, ignore=shutil.ignore_patterns("*.py", "__pycache__")
            )
        for path in [folder, *folder.rglob("*")]:
            path.chmod(path.stat().st_mode | 0o200)  # folders keep the mode of a read-only installation
        for name, text in {"Snakefile": SNAKEFILE, "README.md": README, ".gitignore": IGNORED}.items():
            write_text(text, folder / name)
    except OSError as error:
        raise UserError(
            Problem(str(folder), f"the study cannot be written: {error.strerror}", "Choose another place")
        ) from None
    return tuple(sorted(path for path in folder.rglob("*") if path.is_file()))


def _copy(source: str, target: str) -> None:
    """Copy content only: a study made from a read-only installation is yours to edit."""
    Path(target).write_bytes(Path(source).read_bytes())
