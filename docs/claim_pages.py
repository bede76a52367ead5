"""One page a claim and rival: config/claims.yaml with its measures, models and thresholds, and the simulations."""

import csv
import re
from pathlib import Path
from typing import Any

import yaml

from kinechain.evidence.tier import TIERS, tier_of

ROOT = Path(__file__).resolve().parents[1]
SIMULATED = ROOT / "benchmarks" / "results" / "verdicts.csv"
WORLDS = ROOT / "benchmarks" / "truths"
PEOPLE = 400
"""Size of the simulated cohorts whose verdicts a page shows."""

KINDS = {
    "causal": "Claims about causes",
    "corrective": "Claims about treatment",
    "rival": "Rival explanations",
}

VERDICTS = {
    "supported": "supported",
    "contradicted_null": "practically zero",
    "contradicted_opposite": "opposite",
    "inconclusive": "inconclusive",
    "not_testable": "not testable",
}

RULES = {
    "effect": (
        "One effect decides. *Practically zero* when its 90 % interval lies inside the bound on both sides of "
        "zero, even where it can be told from zero; else *supported* when its 95 % interval lies wholly on the "
        "claimed side of zero, *opposite* when wholly on the other; *inconclusive* otherwise."
    ),
    "all_of": (
        "Several effects are each held against zero and the bound. The verdict is theirs when all get the same "
        "one, *inconclusive* when they differ."
    ),
    "chain": (
        "*Supported* only when every link is, and the 95 % interval of their product leaves zero out on the "
        "claimed side. One link that is practically zero makes the chain *practically zero*; only else does a "
        "link that runs the other way make it *opposite*."
    ),
    "equivalence": (
        "The claim is that nothing happens, so the rule is turned round: *supported* when the 90 % interval of "
        "every effect lies inside the bound, *opposite* when the 95 % interval of one lies wholly outside it, "
        "*inconclusive* otherwise."
    ),
    "mediated": (
        "*Supported* when, for at least one outcome, the way through the mediator leaves zero out and the path "
        "past it is practically zero. *Practically zero* when the way into the mediator is contradicted, or when "
        "paths past it stand while every way through is contradicted."
    ),
    "cancellation": (
        "*Supported* when two parts lie on different sides of zero and the 90 % interval of their total lies "
        "inside the bound; *opposite* when both lie on one side or the total lies wholly outside."
    ),
    "dependence": (
        "*Supported* when the chi-square rejects the model without paths and BIC prefers one with them. Silence "
        "is called absence only where every link's 90 % interval is narrow enough to have shown one."
    ),
    "independence": (
        "*Supported* when the chi-square does not reject the model without paths, BIC prefers it, and every "
        "link's 90 % interval is narrow enough to have shown an absence; *opposite* when it is rejected and BIC "
        "agrees."
    ),
    "vanishing": (
        "Effects are looked at before and after something is held. *Supported* when those found before are "
        "contradicted after; *opposite* when one stays and survives Holm's correction among them."
    ),
    "pattern": (
        "Each part of the signature must have the verdict it asks for. All do: *supported*; one is decided "
        "otherwise: contradicted; one is still open: *inconclusive*."
    ),
    "share": (
        "A share of people is held against two declared thresholds: *supported* when its 95 % interval lies above"
        " the higher, *practically zero* when below the lower, *inconclusive* otherwise."
    ),
}
"""How each kind of rule decides, as the package's `evidence` does it."""


def claim_pages() -> dict[str, str]:
    """One page a claim and rival, and the page that lists them."""
    claims = _read("claims.yaml")
    index = [
        "# Claims",
        "",
        "What is claimed, how it is tested, and what would contradict it. A verdict is one of five "
        "([how to read them](../read-the-report.md)), and the design caps its words.",
    ]
    pages = {}
    for kind, title in KINDS.items():
        index += ["", f"## {title}", "", "| claim | in a sentence | tested by | designs |", "|---|---|---|---|"]
        for name, claim in claims.items():
            if claim["kind"] == kind:
                designs = ", ".join(_words(it) for it in claim["design"])
                first = f"`{claim['tests'][0]['model']}`"
                index.append(f"| [{name}]({name}.md) | {_cell(claim['gist'])} | {first} | {designs} |")
                pages[f"claims/{name}.md"] = claim_page(name, claim)
    return {"claims/index.md": "\n".join(index) + "\n"} | pages


def claim_page(name: str, claim: dict[str, Any]) -> str:
    """One claim as a page: what is said, what is measured, how it is decided, what would turn it."""
    signs = {1: "more goes with more", -1: "more goes with less", 0: "nothing changes"}
    facts = {
        "What changes": claim["exposure"],
        "What is said to follow": claim["outcome"],
        "Claimed": signs[claim["sign"]],
        "Along": f"`{claim['effect']}`" if "->" in claim["effect"] else claim["effect"],
        "What is estimated": claim["estimand"],
    }
    lines = [f"# {name}: {claim['gist']}", "", "| the claim | in this study |", "|---|---|"]
    lines += [f"| {key} | {_cell(value)} |" for key, value in facts.items()]
    lines += ["", "## What it needs", "", *_needed(claim), ""]
    lines += ["## How the verdict falls", "", RULES[claim["rule"]["kind"]], "", *_bounds(claim["rule"]), *_parts(claim)]
    lines += ["", "## What tests it", "", *_tests(claim), ""]
    lines += ["## What would turn it", "", *_turned(claim), ""]
    return "\n".join([*lines, *_simulated(name)])


def _needed(claim: dict[str, Any]) -> list[str]:
    content = _read("measures.yaml")
    lines = ["| construct | more of it means | measures that may stand for it |", "|---|---|---|"]
    for construct in claim["needs"]:
        about = content["constructs"].get(construct)
        stands = [it["label"] for it in content["measures"].values() if construct in _constructs_of(it)]
        label = f"{about['label']} (`{construct}`)" if about else f"`{construct}`"
        means = about["meaning"] if about else ""
        lines.append(f"| {label} | {_cell(means)} | {_cell('; '.join(stands))} |")
    verbs: dict[str, list[str]] = {}
    for design in claim["design"]:
        verbs.setdefault(TIERS[tier_of(design, _evidence(claim))].verb, []).append(_words(design))
    words = [f"{', '.join(designs)} (at most “{verb}”)" for verb, designs in verbs.items()]
    return [*lines, "", f"Designs that can test it, and the strongest verb each allows: {'; '.join(words)}."]


def _evidence(claim: dict[str, Any]) -> str:
    return str(claim["tests"][0].get("evidence", "cross_sectional"))


def _constructs_of(measure: dict[str, Any]) -> list[str]:
    named = measure.get("construct", [])
    return [named] if isinstance(named, str) else list(named)


def _bounds(rule: dict[str, Any]) -> list[str]:
    decisions = _read("decisions.yaml")
    lines = []
    for key, shown in {"sesoi": "The bound", "low": "The lower threshold", "high": "The higher threshold"}.items():
        name = rule.get(key, "")
        if "@" in name:
            lines.append(f"- **{shown}** is that of the measure which stands for `{name.split('@')[1]}` in the cohort.")
        elif name:
            held = decisions[name]
            value = f"{held['value']:g} {held['unit']}"
            lines.append(f"- **{shown}**: {value} (`{name}`). {held['source']}")
    return lines


def _parts(claim: dict[str, Any]) -> list[str]:
    rule = claim["rule"]
    lines = []
    if rule.get("edges"):
        lines.append(f"- **Links that decide**: {', '.join(_link(it) for it in rule['edges'])}.")
    if rule.get("effects"):
        lines.append(f"- **Effects**: {', '.join(f'`{it}`' for it in rule['effects'])}.")
    if rule.get("expects"):
        asked = ", ".join(f"{_link(it)} {VERDICTS[verdict]}" for it, verdict in rule["expects"].items())
        lines.append(f"- **The signature asks for**: {asked}.")
    if rule.get("parts"):
        lines.append(f"- **The two parts**: `{rule['parts'][0]}` and `{rule['parts'][1]}`; total `{rule['total']}`.")
    for pair in rule.get("pairs", ()):
        shown = ", ".join(f"`{it}`" for it in pair["effects"])
        lines.append(f"- **Before and after**: `{pair['before']}`, then `{pair['after']}`: {shown}.")
    for target in rule.get("targets", ()):
        lines.append(f"- **Through the mediator** `{target['indirect']}`, past it `{target['direct']}`.")
    family = {
        "primary": "Holm, within the primary claims",
        "chain": "none needed: every link must hold",
    }.get(claim["family"], f"Benjamini and Hochberg, within the {claim['family']} claims")
    return [*lines, f"- **Correction for many claims**: {family}. It marks a verdict, it never changes one."]


def _tests(claim: dict[str, Any]) -> list[str]:
    lines, equations = ["The first of these that was fitted to the cohort decides.", ""], []
    for number, test in enumerate(claim["tests"], start=1):
        effect = f", effect `{test['effect']}`" if test.get("effect") else ""
        path = ROOT / "config" / "models" / f"{test['model']}.yaml"
        if not path.is_file():
            lines.append(f"{number}. `{test['model']}`{effect}")
            continue
        model = yaml.safe_load(path.read_text(encoding="utf-8"))
        lines.append(f"{number}. `{test['model']}`{effect}. {model['question']}")
        if "equations" in model and test is claim["tests"][0]:
            equations = ["", f"The equations of `{test['model']}`:", "", "```", model["equations"].rstrip(), "```"]
    return [*lines, *equations]


def _turned(claim: dict[str, Any]) -> list[str]:
    lines = [
        f"- **Contradicted when**: {claim['contradicted_when']}.",
        f"- **What could overturn a verdict**: {claim['overturned_by']}.",
        f"- **To call it a cause it takes**: {claim['cause_needs']}.",
    ]
    if claim.get("collider_frames"):
        frames = ", ".join(_words(it) for it in claim["collider_frames"])
        lines.append(f"- **Sampling that biases it**: people selected by {frames}, a consequence of the exposure.")
    lines += [
        f"- **Beside it**, where the cohort has {', '.join(f'`{given}`' for given in it['given'])}: {it['says']}"
        for it in claim.get("caveats", ())
    ]
    return [" ".join(line.replace("..", ".").split()) for line in lines]


def _simulated(name: str) -> list[str]:
    """How often each verdict fell in simulated cohorts of one size, world by world."""
    with SIMULATED.open(encoding="utf-8", newline="") as file:
        found = [row for row in csv.DictReader(file) if row["claim"] == name and row["reading"] == "declared"]
    rows = [row for row in found if row["n"] == str(PEOPLE)]
    if not rows:
        return []
    lines = [
        "## How often each verdict fell where the truth is known",
        "",
        f"Simulated cohorts of {PEOPLE} people, per cent of them; what each world holds stands in "
        "`benchmarks/results/verdicts.md`, with other sizes.",
        "",
        f"| world | the claim there is | cohorts | {' | '.join(VERDICTS.values())} |",
        f"|---|---|---:|{'---:|' * len(VERDICTS)}",
    ]
    for row in rows:
        title = yaml.safe_load((WORLDS / f"{row['truth']}.yaml").read_text(encoding="utf-8"))["title"]
        shares = " | ".join(f"{100 * float(row[verdict]):.0f}" for verdict in VERDICTS)
        truth = "false" if row["is_false"] == "True" else "not false"
        lines.append(f"| {_cell(title)} | {truth} | {int(row['cohorts']):,} | {shares} |")
    return [*lines, ""]


def _link(claim: str) -> str:
    return f"[{claim}]({claim}.md)"


def _words(name: str) -> str:
    return name.replace("_", " ")


def _cell(text: object) -> str:
    return re.sub(r"\s+", " ", str(text)).strip().replace("|", "\\|")


def _read(name: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((ROOT / "config" / name).read_text(encoding="utf-8"))
    return content
