"""The report of one cohort: which sections it has, and what stands in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from kinechain import display, words
from kinechain.assumed import assumed_block
from kinechain.check_table import CHECKS, check_table, names_of
from kinechain.checklists import Checklist, answer_checklist
from kinechain.display import is_hollow, verdict_words
from kinechain.document import (
    Beside,
    Block,
    Bullets,
    Chip,
    ChipStrip,
    Code,
    Details,
    Document,
    FigureBlock,
    Link,
    Paragraph,
    Part,
    Prose,
    Quoted,
    Section,
    Squares,
    Table,
    Words,
    keys_of,
)
from kinechain.entries import INTERVALS
from kinechain.errors import Problem, raise_if_any
from kinechain.figures import FIGURES, Picture
from kinechain.figures.style import records
from kinechain.language import GUARDED, guard
from kinechain.ledger import Ledger
from kinechain.methods import gap_sentences, interval_sentences
from kinechain.registered import registration_blocks
from kinechain.results import DESIGN_WORDS, Results, arrows, lowered, model_title, plain_name
from kinechain.rounding import is_number
from kinechain.trial_report import trial_blocks, visit_blocks
from kinechain.words import say
from kinechain.works import Work, cited, cited_briefly

ESTIMATORS = {
    "ml": "maximum likelihood",
    "mlr": "maximum likelihood with robust standard errors",
    "fiml": "full-information maximum likelihood",
    "dwls": "diagonally weighted least squares",
    "wlsmv": "diagonally weighted least squares with a mean- and variance-adjusted test",
}

PDF, WORD = "report.pdf", "report.docx"
FILES = {"PDF": PDF, "Word": WORD, "claims.csv": "claims.csv", "ledger.json": "ledger.json"}
"""The same report in other forms, beside the page."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """What a report quotes from outside the study.

    versions    package -> version, for the methods
    software    the same of everything the report was made with, for its provenance
    checklists  reporting guidelines
    works       works that may be cited, by key
    """

    versions: Mapping[str, str]
    software: Mapping[str, str] = field(default_factory=dict)
    checklists: tuple[Checklist, ...] = ()
    works: Mapping[str, Work] = field(default_factory=dict)


def check_language(results: Results) -> list[Problem]:
    """Statements of the authors that say more than the cohort's design can carry."""
    study = results.study.get("study") or {}
    texts = {f"config.yaml: study.{name}": str(study[name]) for name in GUARDED if study.get(name)}
    return guard(texts, results.cohort.design)


def build_document(results: Results, ledger: Ledger, pictures: Mapping[str, Picture], shelf: Shelf) -> Document:
    """The whole report, before any format.

    pictures  figure name -> picture; a figure that is absent leaves its sentence

    Raises UserError when the authors' own words say more than the design can carry.
    """
    raise_if_any(check_language(results))
    cohort = results.cohort
    study = results.study.get("study", {})
    draw = partial(_figure, pictures=pictures, results=results, ledger=ledger)
    sections = [
        Section("answer", "Answer", _answer(results, ledger, pictures)),
        Section("claims", "Claims", _claims(results, ledger, pictures)),
        Section("people", "People", _people(results, ledger, pictures)),
        Section("measures", "Measures", _measures(results, ledger, pictures)),
        Section("models", "Models", _models(results, ledger, pictures)),
        Section("effects", "Effects", _effects(results, ledger, pictures)),
        *([Section("trial", "Trial", trial_blocks(results, ledger, draw))] if cohort.design == "trial" else []),
        *([Section("visits", "Visits", visit_blocks(results, ledger))] if cohort.design == "longitudinal" else []),
        Section("rivals", "Rivals", _rivals(results, ledger, pictures)),
        Section("sensitivity", "Sensitivity", _sensitivity(results, ledger, pictures)),
        Section("limits", "Limitations", _limits(results, ledger)),
        Section("methods", "Methods", _methods(results, ledger, shelf)),
        Section("statements", "Statements", _statements(results, ledger)),
        Section("registration", "Registration", registration_blocks(results.registration, ledger)),
        Section("checklists", "Checklists", _checklists(results, ledger, shelf)),
        Section("references", "References", _references(results, ledger, shelf)),
    ]
    subtitle = say(
        ledger,
        "{title}, {design}, {n} people",
        title=Quoted(cohort.title),
        design=Quoted(DESIGN_WORDS[cohort.design]),
        n="cohort/n",
    )
    notices: tuple[Prose, ...] = ()
    if cohort.synthetic:
        notices = (
            say(
                ledger,
                "The people in this cohort were simulated: nothing here is evidence about real people.",
            ),
        )
    draft = Document(
        cohort.name,
        str(study.get("title", cohort.title)),
        subtitle,
        cohort.synthetic,
        tuple(sections),
        shelf.versions.get("kinechain", ""),
        notices,
        tuple(Link(text, target) for text, target in FILES.items()),
    )
    provenance = Section("provenance", "Provenance", _provenance(results, ledger, shelf, keys_of(draft)))
    whole = replace(draft, sections=(*draft.sections, provenance))
    # Its own sentences bring numbers too, whose rows must stand in its table.
    provenance = replace(provenance, blocks=_provenance(results, ledger, shelf, keys_of(whole)))
    return replace(draft, sections=(*draft.sections, provenance))


def _figure(name: str, pictures: Mapping[str, Picture], results: Results, ledger: Ledger) -> Block:
    """A figure with its caption, or the sentence that stands in its place."""
    picture = pictures.get(name)
    if picture is None:
        return Paragraph(say(ledger, FIGURES[name].absent))
    files = {"csv": _file("figures", f"{name}.csv"), "svg": _file("figures", f"{name}.svg")}
    behind = _behind(results, ledger) if name in FROM_MAIN_MODEL else ()
    sentence = "{label}. {behind}Numbers: {csv}; vector: {svg}"
    if picture.plain_svg:
        sentence += "; without colour: {plain}"
        files["plain"] = _file("figures", f"{name}_plain.svg")
    caption = say(ledger, f"{sentence}.", label=Quoted(picture.label), behind=behind, **files)
    return FigureBlock(picture, caption)


def _file(folder: str, name: str) -> Link:
    """A link to a file in a folder beside the report, named as it is."""
    return Link(name, f"{folder}/{name}")


FROM_MAIN_MODEL = ("path_diagram", "forest", "waterfall")
"""Figures whose numbers are effects of the main model."""


def _behind(results: Results, ledger: Ledger) -> Prose:
    """Model, people, interval and draws behind a figure of effects."""
    model = Quoted(model_title(results, results.main_model))
    used = f"fit/{results.main_model}/n"
    found = results.effects_of(results.main_model)
    interval = str(found["interval"].iloc[0]) if len(found) else ""
    if interval in INTERVALS and "study/draws" in ledger:
        sentence = "Model “{model}”, n = {n}; {level} {interval} intervals from {draws} draws. "
        return say(
            ledger,
            sentence,
            model=model,
            n=used,
            level="study/level",
            interval=Quoted(INTERVALS[interval]),
            draws="study/draws",
        )
    return say(ledger, "Model “{model}”, n = {n}; {level} intervals. ", model=model, n=used, level="study/level")


def _answer(results: Results, ledger: Ledger, pictures: Mapping[str, Picture]) -> tuple[Block, ...]:
    blocks: list[Block] = [Paragraph(words.join(words.answer(results, ledger)), is_lead=True)]
    blocks.extend(
        Paragraph(found)
        for found in (
            words.aim(results, ledger),
            words.correction_sentence(results, ledger),
            words.translation(results, ledger),
            words.whole_chain_sentence(results, ledger),
        )
        if found
    )
    chain, body, waterfall = (
        _figure(name, pictures, results, ledger) for name in ("path_diagram", "body", "waterfall")
    )
    return (Beside((tuple(blocks), tuple(_strips(results)))), Beside(((chain,), (body,))), waterfall)


def _strips(results: Results) -> list[Block]:
    """Claims at a glance, then rivals."""
    groups = {
        "Claims": [_chip(claim) for claim in results.claims if claim.get("kind") != "rival"],
        "Rivals": [_chip(claim) for claim in results.claims if claim.get("kind") == "rival"],
    }
    filled = [(title, tuple(chips)) for title, chips in groups.items() if chips]
    tiers = words.tier_words(results)
    return [
        ChipStrip(title, chips, place == len(filled), tiers) for place, (title, chips) in enumerate(filled, start=1)
    ]


def _chip(claim: Mapping[str, Any]) -> Chip:
    return Chip(
        str(claim["claim"]),
        str(claim["verdict"]),
        verdict_words(claim),
        is_hollow(claim),
        str(claim.get("gist", "")),
        "" if claim["verdict"] == "not_testable" else str(claim.get("tier", "")),
    )


def _claims(results: Results, ledger: Ledger, pictures: Mapping[str, Picture]) -> tuple[Block, ...]:
    if not results.claims:
        return (Paragraph(say(ledger, "No claim was asked of this cohort.")),)
    counts = words.join(
        [
            _counts(
                ledger,
                "claims",
                "Of {all} claims this cohort can judge {judged}: {supported} supported, {open} inconclusive, "
                "{null} practically zero and {opposite} opposite to what is claimed.",
            ),
            _counts(
                ledger,
                "rivals",
                "Of {all} rival explanations it can judge {judged}: {supported} supported, {open} inconclusive, "
                "{null} practically zero and {opposite} contradicted.",
            ),
            say(ledger, "The others need what it does not have, and say so."),
        ]
    )
    rule = say(
        ledger,
        "A claim about one effect is practically zero when its {narrow} interval lies inside the bound that was "
        "declared too small to matter; else supported when its {level} interval lies wholly on the claimed side of "
        "zero, opposite when it lies wholly on the other side, and inconclusive otherwise. A claim of no effect is "
        "supported when the {narrow} interval lies inside the bound. A chain is supported when each of its links is "
        "and the {level} interval of their product leaves zero out: the bound is one for each link, since a product of "
        "several links is small however well each of them holds.",
        level="study/level",
        narrow="study/level_narrow",
    )
    caption = say(
        ledger, "Verdicts. A tier says what the design allows: {wording}.", wording=Quoted(words.tier_words(results))
    )
    return (
        Paragraph(counts),
        Paragraph(rule),
        _figure("claims_at_a_glance", pictures, results, ledger),
        display.claims_display(results, ledger, ("causal", "corrective"), "claims", caption),
        Details(say(ledger, "Each claim in a sentence, with its reasons"), tuple(_claim_details(results, ledger))),
    )


def _counts(ledger: Ledger, group: str, sentence: str) -> Prose:
    """How many of a group have each verdict."""
    names = {"open": "inconclusive", "null": "contradicted_null", "opposite": "contradicted_opposite"}
    holes = ("all", "judged", "supported", *names)
    return say(ledger, sentence, **{hole: f"counts/{group}/{names.get(hole, hole)}" for hole in holes})


def _claim_details(results: Results, ledger: Ledger) -> list[Block]:
    """Every claim that was judged with its reasons, then the others in a line each."""
    in_words = display.words_for_codes(results)
    judged = [claim for claim in results.claims if claim.get("verdict") != "not_testable"]
    others = [claim for claim in results.claims if claim.get("verdict") == "not_testable"]
    items: list[Block] = [_judged(results, claim, ledger, in_words) for claim in judged]
    if others:
        lines = tuple(_not_testable(claim, ledger, in_words) for claim in others)
        anchors = tuple(f"claim-{claim['claim']}" for claim in others)
        items.append(Details(say(ledger, "Not testable here, and why"), (Bullets(lines, anchors),), "not-testable"))
    return items


def _judged(results: Results, claim: Mapping[str, Any], ledger: Ledger, in_words: Callable[[str], str]) -> Details:
    name = str(claim["claim"])
    title = say(
        ledger,
        "{name}: {verdict}. {gist}",
        name=Quoted(name),
        verdict=Quoted(verdict_words(claim)),
        gist=Quoted(str(claim.get("gist", ""))),
    )
    effect = str(claim.get("effect") or "")
    named = display.effect_name(results, effect)
    lines: list[Prose] = [words.verdict_sentence(claim, ledger, named if named != effect else "")]
    resolution = words.resolution_sentence(claim, ledger)
    if resolution:
        lines.append(resolution)
    lines.extend((Quoted(in_words(reason)),) for reason in _reasons(claim))
    if claim.get("would_overturn"):
        lines.append(words.overturning_sentence(claim, in_words(str(claim["would_overturn"])), ledger))
    return Details(title, (Bullets(tuple(lines)),), f"claim-{name}")


def _not_testable(claim: Mapping[str, Any], ledger: Ledger, in_words: Callable[[str], str]) -> Prose:
    """A claim this cohort cannot judge: what it says, why not, and what would judge it."""
    overturn = str(claim.get("would_overturn") or "").rstrip(".")
    return say(
        ledger,
        "{name}: {gist}. {reasons}{overturn}",
        name=Quoted(str(claim["claim"])),
        gist=Quoted(str(claim.get("gist", "")).rstrip(".")),
        reasons=Quoted(in_words(" ".join(_reasons(claim)))),
        overturn=Quoted(f" {in_words(overturn)}." if overturn else ""),
    )


def _reasons(claim: Mapping[str, Any]) -> list[str]:
    reasons = claim.get("reasons") or ()
    return [str(reason) for reason in ([reasons] if isinstance(reasons, str) else reasons)]


def _people(results: Results, ledger: Ledger, pictures: Mapping[str, Picture]) -> tuple[Block, ...]:
    cohort = results.cohort
    if cohort.design == "summary":
        start = say(
            ledger,
            "This cohort is a table of means, standard deviations and correlations of {n} people: {citation}. "
            "No rows of people enter the study, so there is no flow of people and nothing can be missing.",
            n="cohort/n",
            citation=Quoted(cohort.citation.rstrip(".") or cohort.title),
        )
        return (Paragraph(start), *_how_they_came(results, ledger))
    start = say(
        ledger,
        "“{title}” is a {design} of {n} people. Its sampling frame, {frame}, decides to whom the result "
        "may be carried.",
        title=Quoted(cohort.title),
        design=Quoted(DESIGN_WORDS[cohort.design]),
        n="cohort/n",
        frame=Quoted(cohort.sampling_frame.replace("_", " ")),
    )
    missing = display.missing_display(results, ledger)
    lacking: tuple[Block, ...] = (
        (Details(say(ledger, "Missing values by variable"), (missing,)),) if missing.rows else ()
    )
    who = display.who_display(results, ledger)
    lacking += (Details(say(ledger, "Who is missing"), (who,)),) if who.rows else ()
    return (
        Paragraph(start),
        *_how_they_came(results, ledger),
        display.flow_display(results, ledger),
        _figure("missingness", pictures, results, ledger),
        *lacking,
    )


def _how_they_came(results: Results, ledger: Ledger) -> tuple[Block, ...]:
    """Who could enter and why so many, as the cohort's file says; what it does not say is told too."""
    about = results.about
    told: list[Prose] = []
    if about.get("recruitment"):
        told.append(say(ledger, "How they were found and chosen: {text}", text=Quoted(str(about["recruitment"]))))
    if about.get("eligibility"):
        conditions = Quoted("; ".join(str(reason) for reason in about["eligibility"]))
        told.append(
            say(ledger, "Conditions for entering, which each row was held to: {conditions}.", conditions=conditions)
        )
    if not told:
        told.append(say(ledger, "Who was eligible, and how people were found and chosen, is not on record."))
    if about.get("sample_size"):
        told.append(say(ledger, "How their number was chosen: {text}", text=Quoted(str(about["sample_size"]))))
    else:
        told.append(say(ledger, "No reason for the number of people is on record."))
        if any(is_number(claim.get("smallest_supported")) for claim in results.claims):
            after = (
                "How small an effect so many people could tell stands with the claims under {claims}; it is worked out "
                "from the errors that were found, and is no reason for their number."
            )
            told.append(say(ledger, after, claims=Link("Claims", "#claims")))
    return (Paragraph(words.join(told)),)


def _measures(results: Results, ledger: Ledger, pictures: Mapping[str, Picture]) -> tuple[Block, ...]:
    codebook = display.codebook_display(results, ledger)
    first: Block = codebook if codebook.rows else Paragraph(say(ledger, "No codebook was handed over for this cohort."))
    findings = display.findings_display(results, ledger, notes=False)
    doubt: Block = (
        findings if findings.rows else Paragraph(say(ledger, "The checks of the data found nothing to doubt."))
    )
    noted = display.findings_display(results, ledger, notes=True)
    notes = (Details(say(ledger, "What was noted on the way from the file to the values"), (noted,)),) * bool(
        noted.rows
    )
    spread = _figure("distributions", pictures, results, ledger)
    return (first, spread, _figure("correlations", pictures, results, ledger), doubt, *notes)


def _models(results: Results, ledger: Ledger, pictures: Mapping[str, Picture]) -> tuple[Block, ...]:
    blocks: list[Block] = [display.fit_display(results, ledger), _figure("residuals", pictures, results, ledger)]
    if results.left_out:
        lacking = dict.fromkeys(name for names in results.left_out.values() for name in names)
        blocks.append(
            Paragraph(
                say(
                    ledger,
                    "Not fitted here, for want of a measure of {constructs}: {models}.",
                    constructs=words.listing(Quoted(results.label(name)) for name in lacking),
                    models=words.listing(Quoted(name, is_code=True) for name in results.left_out),
                )
            )
        )
    known = names_of(results)
    files: list[Block] = []
    for model in results.fits:
        it = results.models.get(model)
        if not it:  # an analysis without equations of its own, such as the contrasts of a trial
            continue
        inside: list[Block] = []
        if it.get("question"):
            inside.append(Paragraph((Quoted(str(it["question"])),)))
        unmeasured = results.fits[model].get("unmeasured") or {}
        for outcome, names in unmeasured.items():
            inside.append(
                Paragraph(
                    say(
                        ledger,
                        "Not measured here, so not adjusted for in {outcome}: {names}.",
                        outcome=Quoted(results.label(str(outcome))),
                        names=words.listing(Quoted(results.label(str(name))) for name in names),
                    )
                )
            )
        if it.get("equations"):
            inside.append(Code(str(it["equations"]).strip(), "lavaan syntax"))
        if it.get("effects"):
            inside.append(Code(str(it["effects"]).strip(), "defined effects"))
        inside += _reasons_of_arrows(results, ledger, model, known)
        if it.get("assumptions"):
            inside.append(Paragraph(say(ledger, "It takes for granted:")))
            inside.append(Bullets(tuple((Quoted(str(line)),) for line in it["assumptions"])))
        title = say(
            ledger, "{title} ({name})", title=Quoted(model_title(results, model)), name=Quoted(model, is_code=True)
        )
        nothing = Paragraph(say(ledger, "Its file says nothing more."))
        files.append(Details(title, tuple(inside) or (nothing,), f"model-{model}"))
    asks = say(ledger, "Each model: what it asks, its equations, why its arrows point so, what it takes for granted")
    if results.fits:
        blocks.append(assumed_block(results, ledger))
    return (*blocks, Details(asks, tuple(files))) if files else tuple(blocks)


def _reasons_of_arrows(results: Results, ledger: Ledger, model: str, known: Mapping[str, str]) -> list[Block]:
    """Why each labelled arrow of a model points as it does, as its file says; nothing where it says nothing.

    known  names of variables for people
    """
    reasons = results.models[model].get("edges") or {}
    if not reasons:
        return []
    paths = [row for row in records(results.effects_of(model)) if row["kind"] == "path"]
    lines = []
    for label, reason in reasons.items():
        ends = [(str(row["rhs"]), str(row["lhs"])) for row in paths if row["label"] == label]
        names = [arrows(*(known.get(end, plain_name(end)) for end in pair)) for pair in ends]
        named = words.listing(Quoted(name) for name in names) or (Quoted(str(label), is_code=True),)
        lines.append(say(ledger, "{arrow}: {reason}", arrow=named, reason=Quoted(str(reason).strip())))
    start = "Why each arrow points as it does, in its author's words (what is put to the test, not what was found):"
    blocks: list[Block] = [Paragraph(say(ledger, start)), Bullets(tuple(lines))]
    given = sorted({str(row["rhs"]) for row in paths} - {str(row["lhs"]) for row in paths})
    covariates = [name for name in given if name in results.constructs and results.constructs[name].role == "covariate"]
    if covariates:
        listed = words.listing(Quoted(lowered(results.label(name))) for name in covariates)
        blocks.append(Paragraph(say(ledger, "Taken as given, with no arrow into them: {names}.", names=listed)))
    return blocks


EFFECT_TABLES = (
    ("effects_paths", ("path",), True, "Paths between the constructs of the chain in the main model."),
    ("effects_covariates", ("path",), False, "Every other path of the main model: covariates and helpers."),
    (
        "effects_whole",
        ("defined", "total", "direct", "total_indirect"),
        None,
        "Totals, direct and defined effects of the main model.",
    ),
    ("effects_indirect", ("indirect",), None, "Every way from one construct to another, one by one."),
)
"""Tables of the main model's effects: name, kinds of effect, whether between constructs of the chain, caption."""


def _effects(results: Results, ledger: Ledger, pictures: Mapping[str, Picture]) -> tuple[Block, ...]:
    main = results.main_model
    if not main or results.effects_of(main).empty:
        return (Paragraph(say(ledger, "No effect was estimated in this cohort.")),)
    intro = say(
        ledger,
        "From the model “{model}”. Standardised effects are SD of the outcome per SD of the cause.",
        model=Quoted(model_title(results, main)),
    )
    paths, others, wholes, ways = (
        display.effects_display(results, ledger, main, kinds=kinds, name=name, caption=caption, of_chain=of_chain)
        for name, kinds, of_chain, caption in EFFECT_TABLES
    )
    told = words.results_paragraph(results, ledger)
    blocks: list[Block] = [
        Paragraph(words.join([intro, told]) if told else intro),
        _figure("forest", pictures, results, ledger),
        *((paths,) if paths.rows else ()),
    ]
    if others.rows:
        blocks.append(Details(say(ledger, "Paths of covariates and helpers"), (others,)))
    links = display.links_display(results, ledger)
    if links.rows:
        blocks.append(Details(say(ledger, "Each link in every model"), (links,)))
    if wholes.rows:
        blocks.append(Details(say(ledger, "Totals, direct and defined effects"), (wholes,)))
    if ways.rows:
        blocks.append(Details(say(ledger, "Each indirect way"), (ways,)))
    blocks.append(Paragraph(say(ledger, "All models: {csv}.", csv=Link("tables/effects.csv", "tables/effects.csv"))))
    return tuple(blocks)


def _rivals(results: Results, ledger: Ledger, pictures: Mapping[str, Picture]) -> tuple[Block, ...]:
    caption = say(
        ledger, "Rival explanations judged beside the chain. Supported means that the rival's own sign was seen."
    )
    table = display.claims_display(results, ledger, ("rival",), "rivals", caption)
    direction = words.directions_sentence(results, ledger)
    first: tuple[Block, ...] = (Paragraph(direction),) if direction else ()
    first = (*first, _figure("rivals", pictures, results, ledger))
    if not table.rows:
        return (*first, Paragraph(say(ledger, "No rival explanation could be judged in this cohort.")))
    return (*first, table)


MOST_ROWS = 40
"""Rows of a check that the page prints; a longer table is a file to open."""


def _sensitivity(results: Results, ledger: Ledger, pictures: Mapping[str, Picture]) -> tuple[Block, ...]:
    figures = ("sensitivity", "contours", "specification_curve")
    blocks = [_figure(name, pictures, results, ledger) for name in figures]
    long: list[Prose] = []
    in_words = display.words_for_codes(results)
    silent: list[Prose] = []
    for name, about in CHECKS.items():
        table = results.checks.get(name)
        notes = tuple(dict.fromkeys(in_words(str(note)).replace("->", "→") for note in results.notes.get(name, ())))
        title = Quoted(about.title)
        if table is None or table.empty:
            silent += [say(ledger, "{title}. {why}", title=title, why=Quoted(" ".join(notes)))] if notes else []
        elif len(table) > MOST_ROWS:
            told = say(ledger, "{title}: {link}.", title=title, link=_file("checks", f"{name}.csv"))
            long.append((*told, *(Quoted(f" {note}") for note in notes)))
        else:
            said: tuple[Block, ...] = (Bullets(tuple((Quoted(note),) for note in notes)),) if notes else ()
            blocks.append(Details((title,), (*said, check_table(results, ledger, name, csv=f"checks/{name}.csv"))))
    if long:
        blocks.append(Details(say(ledger, "Checks whose tables are too long for this page"), (Bullets(tuple(long)),)))
    if silent:
        blocks.append(Details(say(ledger, "Checks that found nothing to check, and why"), (Bullets(tuple(silent)),)))
    return tuple(blocks)


def _limits(results: Results, ledger: Ledger) -> tuple[Block, ...]:
    lines: list[Prose] = [words.trusted(results, ledger)]
    main = results.fits.get(results.main_model, {})
    for outcome, names in (main.get("unmeasured") or {}).items():
        lines.append(
            say(
                ledger,
                "{outcome} was not adjusted for {names}, which this cohort did not measure.",
                outcome=Quoted(results.label(str(outcome))),
                names=words.listing(Quoted(results.label(str(name))) for name in names),
            )
        )
    dropped = f"fit/{results.main_model}/n_dropped"
    if dropped in ledger and ledger[dropped].value:
        lines.append(
            say(
                ledger,
                "{n} people were left out of the main model for missing values; the rest need not be like them.",
                n=dropped,
            )
        )
    silent = [
        row
        for row in results.quality.get("codebook", ())
        if row.get("construct") in results.chain and not row.get("reliability")
    ]
    if silent:
        lines.append(
            say(
                ledger,
                "No reliability is on record for {names}: error in a cause makes its effect look "
                "smaller, error in a confounder can make one appear.",
                names=words.listing(Quoted(str(row.get("label") or row["measure"])) for row in silent),
            )
        )
    assumed = [str(line) for line in results.models.get(results.main_model, {}).get("assumptions") or ()]
    own = (results.study.get("study") or {}).get("limitations")
    if own:
        lines.append((Quoted(str(own).strip()),))
    blocks: list[Block] = [Bullets(tuple(lines))]
    if assumed:
        start = "The main model takes for granted what these data cannot show; so do the others, each with its own list"
        blocks += [
            Paragraph(say(ledger, f"{start} under {{models}}:", models=Link("Models", "#models"))),
            Bullets(tuple((Quoted(line),) for line in assumed)),
        ]
    return tuple(blocks)


def _citing(shelf: Shelf, *keys: str) -> Prose:
    """Works in brackets, each leading to its reference; nothing when the list of works lacks them."""
    links = [Link(cited_briefly(shelf.works[key]), f"#ref-{key}") for key in keys if key in shelf.works]
    out: list[Part] = []
    for place, link in enumerate(links):
        out += [Words("; " if place else " ("), link]
    return (*out, Words(")")) if out else ()


def _methods(results: Results, ledger: Ledger, shelf: Shelf) -> tuple[Block, ...]:
    inference = results.inference
    main = results.fits.get(results.main_model, {})
    estimator = str(main.get("estimator") or inference.get("estimator", "ml"))
    sentences = [
        say(
            ledger,
            "Each model is a set of linear equations with the chain's constructs in problem space "
            "(orientation times measure), fitted by {estimator}{works}.",
            estimator=Quoted(ESTIMATORS.get(estimator, estimator)),
            works=_citing(shelf, "lavaan"),
        ),
        say(
            ledger,
            "Indirect and total effects are derived from all directed paths by matrix inverse, not summed by hand.",
        ),
    ]
    sentences += gap_sentences(results, ledger)
    sentences += interval_sentences(results, ledger, _citing(shelf, "product_intervals"))
    if results.cohort.design == "trial":
        told = (
            "Arms were compared as assigned, by a model of all visits that holds their means equal at the first one, "
            "leaves the covariances of visits free and uses whatever visits a person has."
        )
        sentences.append(say(ledger, told))
    sentences.append(
        say(
            ledger,
            "Verdicts follow one rule, declared in config, with a test of equivalence{equal} where a null is claimed; "
            "correction for many claims (by Holm in the primary family, by the false discovery rate{rate} elsewhere) "
            "does not change a verdict but is shown beside it.",
            equal=_citing(shelf, "equivalence"),
            rate=_citing(shelf, "false_discovery"),
        )
    )
    sentences.append(say(ledger, "Estimates are printed to the digit their standard error supports."))
    if results.cohort.design == "cross_sectional":
        warning = "An indirect effect read from one visit can differ from the one over time in size and sign{works}."
        sentences.append(say(ledger, warning, works=_citing(shelf, "one_wave")))
    named = [Quoted(f"{name} {version}") for name, version in shelf.versions.items()]
    tools = _citing(shelf, "numpy", "scipy", "snakemake")
    software = say(ledger, "Software: {names}{works}.", names=words.listing(named), works=tools) if named else ()
    return (Paragraph(words.join(sentences)), Paragraph(software)) if software else (Paragraph(words.join(sentences)),)


STATEMENTS = {
    "abstract": "Abstract",
    "rationale": "Rationale",
    "setting": "Setting",
    "diagram": "Causal diagram",
    "measurement": "Measurement",
    "levels": "Level of each measurement",
    "bias": "Bias",
    "interventions": "Interventions",
    "randomisation": "Random sequence",
    "concealment": "Concealment of assignments",
    "implementation": "Who enrolled and assigned",
    "blinding": "Blinding",
    "harms": "Harms",
    "registration": "Registration",
    "protocol": "Protocol",
    "interpretation": "Interpretation",
    "generalisability": "Generalisability",
    "implications": "Implications",
    "ethics": "Ethics",
    "funding": "Funding",
    "conflicts": "Interests",
    "availability": "Data and code",
}
"""The authors' own statements: key of `study` in config -> title."""


def _statements(results: Results, ledger: Ledger) -> tuple[Block, ...]:
    study = results.study.get("study") or {}
    blocks: list[Block] = []
    for name, title in STATEMENTS.items():
        if study.get(name):
            blocks.append(
                Paragraph(say(ledger, "{title}. {text}", title=Quoted(title), text=Quoted(str(study[name]).strip())))
            )
    if not blocks:
        return (
            Paragraph(
                say(ledger, "The authors have written no statements yet; the checklists say which are asked for.")
            ),
        )
    return tuple(blocks)


def _checklists(results: Results, ledger: Ledger, shelf: Shelf) -> tuple[Block, ...]:
    mine = [it for it in shelf.checklists if results.cohort.design in it.designs]
    if not mine:
        return (Paragraph(say(ledger, "No checklist was handed over.")),)
    blocks: list[Block] = [
        Paragraph(
            say(
                ledger,
                "An item is reported when everything it asks for is there, partly when some is, and not "
                "reported otherwise: "
                "nothing is ever ticked in silence.",
            )
        )
    ]
    for checklist in mine:
        answers = answer_checklist(checklist, results)
        blocks.append(Squares(checklist.title, tuple((it.item.number, it.status, it.item.topic) for it in answers)))
        blocks.append(Details((Quoted(checklist.title),), (display.checklist_display(checklist, answers),)))
    return tuple(blocks)


def _references(results: Results, ledger: Ledger, shelf: Shelf) -> tuple[Block, ...]:
    wanted = ["lavaan", "product_intervals", "equivalence", "false_discovery"]
    wanted += ["one_wave"] if results.cohort.design == "cross_sectional" else []
    wanted += [it.work for it in shelf.checklists if results.cohort.design in it.designs]
    wanted += ["snakemake", "numpy", "scipy"]
    works = [shelf.works[key] for key in dict.fromkeys(wanted) if key in shelf.works]
    if not works:
        return (Paragraph(say(ledger, "No list of works was handed over.")),)
    works.sort(key=lambda work: (work.authors[0].lower(), work.year))
    items = ((Quoted(f"{cited(work)} "), Link(f"doi.org/{work.doi}", f"https://doi.org/{work.doi}")) for work in works)
    return (
        Paragraph(say(ledger, "Works the methods and the checklists rest on; each DOI was checked.")),
        Bullets(tuple(items), tuple(f"ref-{work.key}" for work in works)),
    )


def _provenance(results: Results, ledger: Ledger, shelf: Shelf, keys: tuple[str, ...]) -> tuple[Block, ...]:
    table = display.ledger_display(ledger, keys)
    rows = tuple((display.text_cell(name), display.text_cell(value)) for name, value in results.digests.items())
    digests = Table("digests", (Words("What this report was made from."),), ("Input", "Digest"), (False, False), rows)
    first: tuple[Block, ...] = (
        (digests,) if rows else (Paragraph(say(ledger, "No digest of the inputs was handed over.")),)
    )
    made_with = tuple((display.text_cell(name), display.text_cell(version)) for name, version in shelf.software.items())
    if made_with:
        caption = (Words("What this report was made with."),)
        first += (Table("software", caption, ("Package", "Version"), (False, False), made_with),)
    if "study/seed" in ledger:
        first += (Paragraph(say(ledger, "Everything random started from the seed {seed}.", seed="study/seed")),)
    return (
        *first,
        Paragraph(say(ledger, "The whole ledger, tables included: {file}.", file=Link("ledger.json", "ledger.json"))),
        Details(say(ledger, "Numbers in the text"), (table,)),
    )
