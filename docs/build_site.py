"""Build the documentation site: prose of docs/, and pages made from claims, schemas and docstrings. Nothing is fetched.

python docs/build_site.py             build into site/html
python docs/build_site.py FOLDER      build into FOLDER
"""

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import generate
import yaml

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PACKAGE = ROOT / "workflow" / "kinechain"
MKDOCS = Path(sys.prefix) / "docs"
PROSE = {
    "Home": "index.md",
    "Tutorial": "tutorial.md",
    "Your first cohort": "first-cohort.md",
    "Change a model": "change-a-model.md",
    "Read the report": "read-the-report.md",
    "Run it again": "run-it-again.md",
    "Methods": "methods.md",
    "Beside other software": "compared.md",
}
"""Pages written by hand, in the order of the contents; one that is not there is left out of them."""

LINK = re.compile(r"(?<!\!)\[([^\]]+)\]\(([^)\s]+)\)")


class BrokenLinkError(ValueError):
    """A page leads to a file that is not there."""


def claim_pages() -> dict[str, str]:
    """One page a claim and rival, and the page that lists them, from config/claims.yaml."""
    claims = yaml.safe_load((ROOT / "config" / "claims.yaml").read_text(encoding="utf-8"))
    kinds = {"causal": "Claims about causes", "corrective": "Claims about treatment", "rival": "Rival explanations"}
    index = ["# Claims", "", "What is claimed, how it is tested, and what would contradict it."]
    pages = {}
    for kind, title in kinds.items():
        index += ["", f"## {title}", "", "| | |", "|---|---|"]
        for name, claim in claims.items():
            if claim["kind"] == kind:
                index.append(f"| [{name}]({name}.md) | {claim['gist']} |")
                pages[f"claims/{name}.md"] = claim_page(name, claim)
    return {"claims/index.md": "\n".join(index) + "\n"} | pages


def claim_page(name: str, claim: dict[str, Any]) -> str:
    """One claim as a page."""
    lines = [f"# {name}: {claim['gist']}", ""]
    signs = {1: "more goes with more", -1: "more goes with less", 0: "no difference"}
    facts = {
        "What changes": claim.get("exposure"),
        "What is said to follow": claim.get("outcome"),
        "Claimed sign": signs.get(claim.get("sign")),
        "Effect": f"`{claim['effect']}`" if claim.get("effect") else None,
        "What is estimated": claim.get("estimand"),
        "Constructs it needs": ", ".join(f"`{it}`" for it in claim.get("needs", ())),
        "Designs that can test it": ", ".join(it.replace("_", " ") for it in claim.get("design", ())),
        "Family for many claims": claim.get("family"),
        "Contradicted when": claim.get("contradicted_when"),
        "What could overturn it": claim.get("overturned_by"),
        "To call it a cause it takes": claim.get("cause_needs"),
    }
    lines += ["| | |", "|---|---|", *(f"| {key} | {_cell(value)} |" for key, value in facts.items() if value)]
    lines += [
        "",
        "## How the verdict falls",
        "",
        "```yaml",
        yaml.safe_dump(claim["rule"], sort_keys=False).rstrip(),
        "```",
    ]
    lines += ["", "## What tests it", "", "The first of these whose model was fitted to the cohort decides.", ""]
    for test in claim.get("tests", ()):
        effect = f", effect `{test['effect']}`" if test.get("effect") else ""
        lines.append(f"1. `{test['model']}`{effect}")
    return "\n".join([*lines, ""])


def _cell(text: object) -> str:
    return " ".join(str(text).split()).replace("|", "\\|")


def api_pages() -> dict[str, str]:
    """One page a module or subpackage, from its docstrings, and the page that lists them by floor."""
    units: dict[str, list[Path]] = {}
    for file in sorted(PACKAGE.rglob("*.py")):
        unit = file.relative_to(PACKAGE).parts[0].removesuffix(".py")
        units.setdefault(unit, []).append(file)
    units.pop("__init__", None)
    pages, index = {}, ["# API reference", "", "Made from the docstrings; what begins with `_` is not for others.", ""]
    for unit, files in sorted(units.items()):
        sections = [section for file in files if (section := list(module_lines(file)))]
        if not sections:
            continue
        first = ast.get_docstring(ast.parse(files[0].read_text(encoding="utf-8"))) or ""
        index.append(f"- [`{unit}`]({unit}.md): {' '.join(first.split(chr(10) * 2)[0].split())}")
        pages[f"api/{unit}.md"] = "\n".join(
            [f"# `kinechain.{unit}`", "", *(line for part in sections for line in part)]
        )
    return {"api/index.md": "\n".join([*index, ""])} | pages


def module_lines(file: Path) -> Iterator[str]:
    """Headings, signatures and docstrings of one module's public names."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    parts = file.relative_to(PACKAGE).with_suffix("").parts
    name = ".".join(part for part in parts if part != "__init__")
    yield from [f"## `{name}`", "", *_quoted(ast.get_docstring(tree)), ""]
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            yield from _described(node, "###", "")
            if isinstance(node, ast.ClassDef):
                for inner in node.body:
                    if isinstance(inner, ast.FunctionDef) and not inner.name.startswith("_"):
                        yield from _described(inner, "####", f"{node.name}.")


def _described(node: ast.FunctionDef | ast.ClassDef, mark: str, owner: str) -> Iterator[str]:
    yield from [f"{mark} `{owner}{node.name}`", "", "```python", _signature(node), "```", ""]
    yield from [*_quoted(ast.get_docstring(node)), ""]


def _signature(node: ast.FunctionDef | ast.ClassDef) -> str:
    if isinstance(node, ast.ClassDef):
        fields = [
            f"    {ast.unparse(it)}"
            for it in node.body
            if isinstance(it, ast.AnnAssign) and not ast.unparse(it.target).startswith("_")
        ]
        return "\n".join([f"class {node.name}:", *(fields or ["    ..."])])
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    return f"def {node.name}({ast.unparse(node.args)}){returns}"


def _quoted(text: str | None) -> list[str]:
    """A docstring whose columns stay where they stand: its first paragraph as prose, the rest as it is."""
    if not text:
        return []
    first, _, rest = text.partition("\n\n")
    return [_plain(" ".join(first.split())), *(["", "```text", rest.rstrip(), "```"] if rest.strip() else [])]


def _plain(text: str) -> str:
    """Text that markdown leaves alone outside of its code marks."""
    pieces = text.split("`")
    return "`".join(re.sub(r"([*_<\[\]|])", r"\\\1", it) if place % 2 == 0 else it for place, it in enumerate(pieces))


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
            out.write_text(with_checked_links(file.read_text(encoding="utf-8"), file), encoding="utf-8")
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
            "features": ["navigation.indexes", "navigation.top", "content.code.copy"],
            "palette": [
                {"media": "(prefers-color-scheme: light)", "scheme": "default", "primary": "indigo"},
                {"media": "(prefers-color-scheme: dark)", "scheme": "slate", "primary": "indigo"},
            ],
        },
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
