"""Build the documentation site: prose of docs/, and pages made from claims, schemas and docstrings. Nothing is fetched.

python docs/build_site.py             build into site/html
python docs/build_site.py FOLDER      build into FOLDER
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import generate
import yaml
from api_pages import api_pages
from claim_pages import claim_pages
from formulas import with_formulas

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
MKDOCS = Path(sys.prefix) / "docs"
PROSE = {
    "Home": "index.md",
    "Tutorial": "tutorial.md",
    "Your first cohort": "first-cohort.md",
    "Change a model": "change-a-model.md",
    "Read the report": "read-the-report.md",
    "Run it": "run.md",
    "Run it again": "run-it-again.md",
    "Methods": "methods.md",
    "Beside other software": "compared.md",
}
"""Pages written by hand, in the order of the contents; one that is not there is left out of them."""

LINK = re.compile(r"(?<!\!)\[([^\]]+)\]\(([^)\s]+)\)")


class BrokenLinkError(ValueError):
    """A page leads to a file that is not there."""


def with_checked_links(text: str, page: Path) -> str:
    """The page with links to files outside the site shown as their path.

    Raises BrokenLinkError for a link to a file that is not there; links inside the site are checked by mkdocs.
    """

    def settle(match: re.Match[str]) -> str:
        shown, target = match.groups()
        if re.match(r"[a-z]+:|#", target):
            return match.group(0)
        goal = Path(os.path.normpath(page.parent / target.split("#")[0]))
        if goal.is_relative_to(DOCS):
            return match.group(0)
        if goal == ROOT / "config" / "README.md":
            up = "../" * (len(page.relative_to(DOCS).parts) - 1)
            return f"[{shown}]({up}config.md)"
        if not goal.exists():
            raise BrokenLinkError(f"{page.relative_to(ROOT)} leads to {target}, which is not there")
        return f"{shown} (`{goal.relative_to(ROOT).as_posix()}`)"

    return LINK.sub(settle, text)


def write_source(folder: Path) -> list[Any]:
    """Every page and picture of the site in `folder`; returns the contents."""
    for file in sorted(DOCS.rglob("*")):
        if not file.is_file() or file.suffix == ".py" or "__pycache__" in file.parts:
            continue
        out = folder / file.relative_to(DOCS)
        out.parent.mkdir(parents=True, exist_ok=True)
        if file.suffix == ".md":
            text = with_checked_links(file.read_text(encoding="utf-8"), file)
            out.write_text(with_formulas(text), encoding="utf-8")
        else:
            shutil.copyfile(file, out)
    made = claim_pages() | api_pages() | {"config.md": generate.config_reference()}
    for name, text in made.items():
        out = folder / name
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text, encoding="utf-8")
    claims = [name for name in made if name.startswith("claims/")]
    api = [name for name in made if name.startswith("api/")]
    decisions = sorted(path.relative_to(DOCS).as_posix() for path in (DOCS / "decisions").glob("*.md"))
    used = {*PROSE.values(), *decisions}
    others = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))
    studies = [name for name in others if name not in used]
    return [
        *({title: name} for title, name in PROSE.items() if (DOCS / name).exists()),
        {"Claims": claims},
        {"Config reference": "config.md"},
        {"API reference": api},
        {"Decisions": decisions},
        *([{"Studies of the methods": studies}] if studies else []),
    ]


def settings(source: Path, out: Path, contents: list[Any]) -> dict[str, Any]:
    """What mkdocs is told: no font and no script from elsewhere, every doubt an error."""
    return {
        "site_name": "kinechain",
        "site_url": "",
        "use_directory_urls": False,
        "docs_dir": str(source),
        "site_dir": str(out),
        "theme": {
            "name": "material",
            "font": False,
            "features": ["navigation.indexes", "navigation.top", "navigation.footer", "content.code.copy"],
            "palette": [
                {"media": "(prefers-color-scheme: light)", "scheme": "default", "primary": "indigo"},
                {"media": "(prefers-color-scheme: dark)", "scheme": "slate", "primary": "indigo"},
            ],
        },
        "extra_css": ["site.css"],
        "plugins": ["search"],
        "markdown_extensions": ["tables", "fenced_code", "admonition", {"toc": {"permalink": True}}],
        "validation": {
            "nav": {"omitted_files": "warn", "not_found": "warn", "absolute_links": "warn"},
            "links": {"not_found": "warn", "anchors": "warn", "absolute_links": "warn", "unrecognized_links": "warn"},
        },
        "nav": contents,
    }


def environment() -> dict[str, str]:
    """The environment mkdocs runs in: with the folder `make docs` installs it into."""
    path = os.pathsep.join(part for part in (str(MKDOCS), os.environ.get("PYTHONPATH", "")) if part)
    return os.environ | {"PYTHONPATH": path, "NO_MKDOCS_2_WARNING": "1"}


def build(out: Path) -> int:
    """Build the site into `out`; any doubt of mkdocs ends with its code."""
    work = out.parent / f"{out.name}_source"
    shutil.rmtree(work, ignore_errors=True)
    source = work / "docs"
    source.mkdir(parents=True)
    contents = write_source(source)
    config = work / "mkdocs.yml"
    config.write_text(yaml.safe_dump(settings(source, out, contents), sort_keys=False), encoding="utf-8")
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--clean", "--config-file", str(config)]
    done = subprocess.run(command, check=False, env=environment())
    shutil.rmtree(work, ignore_errors=True)
    return done.returncode


if __name__ == "__main__":
    sys.exit(build((Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "site" / "html").resolve()))
