"""Sentences take numbers from the ledger only, and say no more than the design allows."""

from dataclasses import replace

import pytest

from kinechain import words
from kinechain.document import NumberWithoutKeyError, Quoted, Words, plain
from kinechain.entries import build_ledger
from kinechain.evidence.tier import TIERS
from kinechain.language import guard
from kinechain.ledger import Ledger, UnknownKeyError
from kinechain.words import say, turned_by_adjustment
from tests.fixtures.report_inputs import people_results, summary_results


def ledger_with(**numbers: float) -> Ledger:
    ledger = Ledger()
    for key, value in numbers.items():
        ledger.number(key, value, rule="test")
    return ledger


def test_a_sentence_carries_the_ledgers_text() -> None:
    assert plain(say(ledger_with(n=420), "There were {n} people.", n="n")) == "There were 420 people."


@pytest.mark.parametrize("text", ["There were 420 people.", "p < .05", "½ and ² and ٣"])
def test_a_digit_without_a_key_is_refused(text: str) -> None:
    with pytest.raises(NumberWithoutKeyError, match="A number without a ledger key"):
        say(ledger_with(), text)


def test_a_key_the_ledger_lacks_is_refused() -> None:
    with pytest.raises(UnknownKeyError):
        say(ledger_with(n=1), "{m}", m="m")


def test_names_with_digits_come_in_as_quotations() -> None:
    assert plain(say(ledger_with(), "{claim} holds.", claim=Quoted("C04"))) == "C04 holds."


@pytest.mark.parametrize(
    "text",
    [
        "Stretching reduces neck pain.",
        "Tightness leads to pain.",
        "It improves posture.",
        "Pain is due to tightness.",
        "Stretching LOWERED pain",
        "Tight hamstrings cause neck pain.",
        "Tightness may cause\n  neck pain.",
        "Flat backs contribute to pain.",
        "Stretching does not reduce pain.",
        "The affected side caused pain.",
        "Stretching is effective against pain, whether or not it loosens.",
    ],
)
def test_the_guard_refuses_causal_verbs_in_a_cross_section(text: str) -> None:
    (problem,) = guard({"config.yaml: study.title": text}, "cross_sectional")
    assert problem.where == "config.yaml: study.title"
    assert TIERS["T1"].verb in problem.remedy


def test_the_guards_whole_message() -> None:
    (problem,) = guard({"config.yaml: study.title": "Stretching reduces neck pain."}, "cross_sectional")
    assert str(problem) == (
        "config.yaml: study.title: `reduces` says more than a cross-sectional cohort can. Write "
        "that one `went with` the other."
    )


@pytest.mark.parametrize(
    ("text", "design"),
    [
        ("Does stretching reduce neck pain?", "cross_sectional"),
        ("Tightness went with pain.", "cross_sectional"),
        ("The results in this table are associations.", "cross_sectional"),
        ("Increases in tightness went with more pain.", "cross_sectional"),
        ("Pain on the affected side was scored; the least affected were young.", "cross_sectional"),
        ("These data cannot show that stretching reduces neck pain.", "cross_sectional"),
        ("Whether tightness causes pain stays open.", "cross_sectional"),
        ("A common cause of both may explain the link.", "cross_sectional"),
        ("Those with reduced range of motion reported more pain.", "cross_sectional"),
        ("People were left out due to missing values.", "cross_sectional"),
        ("Hypotheses were written down before the data were opened.", "cross_sectional"),
        ("Stretching reduces neck pain.", "trial"),
        ("Tightness precedes pain.", "longitudinal"),
    ],
)
def test_the_guard_lets_pass(text: str, design: str) -> None:
    assert guard({"here": text}, design) == []


def test_precedes_needs_two_visits() -> None:
    assert guard({"here": "Tightness precedes pain."}, "cross_sectional")
    assert guard({"here": "Tightness causes pain."}, "longitudinal")


def test_the_answer_is_three_sentences_and_passes_its_own_guard() -> None:
    for results in (people_results(n=120), summary_results()):
        sentences = words.answer(results, build_ledger(results))
        assert len(sentences) == 3
        own = {
            str(place): "".join(part.text for part in prose if isinstance(part, Words))
            for place, prose in enumerate(sentences)
        }
        assert guard(own, results.cohort.design) == []


def test_the_answer_says_synthetic_where_it_is() -> None:
    assert "simulated" in plain(words.trusted(people_results(n=120), Ledger()))
    assert "simulated" not in plain(words.trusted(people_results(n=120, synthetic=False), Ledger()))


def test_the_directions_sentence_says_that_one_visit_cannot_tell() -> None:
    from dataclasses import replace

    results = replace(
        people_results(n=120),
        directions={"logl_forward": -2871.25, "logl_reverse": -2871.25, "indistinguishable": True},
    )
    sentence = words.directions_sentence(results, build_ledger(results))
    assert sentence is not None
    assert "cannot tell them apart" in plain(sentence)
    assert "−2871.25" in plain(sentence)


def test_a_likelihood_that_differs_says_what_it_means() -> None:
    from dataclasses import replace

    found = {
        "logl_forward": -10.5,
        "logl_reverse": -12.25,
        "indistinguishable": False,
        "sentence": "It is no evidence.",
    }
    results = replace(people_results(n=120), directions=found)
    sentence = words.directions_sentence(results, build_ledger(results))
    assert sentence is not None
    assert plain(sentence).endswith("(log-likelihoods −10.50 and −12.25). It is no evidence.")


def test_links_that_hold_may_add_up_to_little() -> None:
    from dataclasses import replace

    results = people_results(n=120)
    chain = {"claim": "C15", "family": "chain", "verdict": "supported", "effect": "ind_chain"}
    total = {"claim": "C01", "family": "primary", "verdict": "contradicted_null", "effect": "pain~tight"}
    both = replace(results, claims=(chain, total))
    assert words.whole_chain_sentence(both, Ledger()) is not None
    assert words.whole_chain_sentence(replace(results, claims=(chain,)), Ledger()) is None


@pytest.mark.parametrize(("high", "says"), [(0.004, True), (0.02, False)])
def test_links_that_hold_may_be_lost_in_the_uncertainty_of_the_whole(high: float, says: bool) -> None:
    from dataclasses import replace

    results = people_results(n=120)
    chain = {"family": "chain", "verdict": "supported", "effect": "ind_chain", "low": 0.001, "high": high}
    total = {"family": "primary", "verdict": "inconclusive", "effect": "pain~tight", "low": -0.18, "high": 0.01}
    sentence = words.whole_chain_sentence(replace(results, claims=(chain, total)), Ledger())
    assert (sentence is not None) is says
    if sentence is not None:
        assert "the effect from end to end stays open" in plain(sentence)


def test_two_links_that_hold_are_no_whole_chain() -> None:
    from dataclasses import replace

    results = people_results(n=120)
    two = {"claim": "C06", "family": "causal", "rule": "chain", "verdict": "supported", "effect": "ind_lumbar"}
    gaze = {"claim": "C12", "family": "causal", "verdict": "contradicted_null", "effect": "total:round->gaze"}
    assert words.whole_chain_sentence(replace(results, claims=(two, gaze)), Ledger()) is None


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"rule": "effect"}, "W. Estimate: 0.2 (95 % interval 0.1 to 0.3), n = 420."),
        ({"rule": "equivalence"}, "W. Estimate, round → gaze: 0.2 (95 % interval 0.1 to 0.3), n = 420."),
        (
            {"rule": "vanishing", "unit": "change, SD per SD"},
            "W. Largest change, round → gaze: 0.2 (95 % interval 0.1 to 0.3), n = 420.",
        ),
    ],
)
def test_an_estimate_says_what_it_is_of_where_the_claim_does_not(more: dict[str, str], says: str) -> None:
    numbers = {"claims/C01/estimate": 0.2, "claims/C01/low": 0.1, "claims/C01/high": 0.3, "claims/C01/n": 420.0}
    ledger = ledger_with(**numbers)
    ledger.share("study/level", 0.95, rule="test")
    sentence = words.verdict_sentence({"claim": "C01", "wording": "W.", **more}, ledger, "round → gaze")
    assert plain(sentence) == says


@pytest.mark.parametrize(
    ("smallest", "needed", "unit", "says"),
    [
        (
            0.12,
            570.0,
            "SD per SD",
            "The smallest effect this cohort could be counted on to support is 0.12; a true zero ",
        ),
        (
            0.12,
            570.0,
            "SD per SD, each link",
            "The smallest link this cohort could be counted on to support is 0.12; a zero of its most ",
        ),
        (
            None,
            570.0,
            "SD per SD",
            "A true zero could be counted on to show as practically zero from about 570 people on.",
        ),
        (0.12, None, "SD per SD", "The smallest effect this cohort could be counted on to support is 0.12."),
    ],
)
def test_every_claim_says_what_the_cohort_could_have_shown(
    smallest: float | None, needed: float | None, unit: str, says: str
) -> None:
    found = {"claims/C01/smallest_supported": smallest, "claims/C01/n_for_null": needed}
    ledger = ledger_with(**{key: value for key, value in found.items() if value is not None})
    sentence = words.resolution_sentence({"claim": "C01", "sesoi_unit": unit}, ledger)
    assert sentence is not None
    assert plain(sentence).startswith(says)
    assert words.resolution_sentence({"claim": "C02"}, ledger) is None


@pytest.mark.parametrize(
    ("verdict", "says"),
    [
        ("supported", "What could overturn it: A trial."),
        ("inconclusive", "What could change that: A trial."),
        ("not_testable", "A trial."),
    ],
)
def test_what_could_overturn_fits_the_verdict(verdict: str, says: str) -> None:
    assert plain(words.overturning_sentence({"verdict": verdict}, "A trial", Ledger())) == says


def test_codes_in_a_sentence_become_words_and_words_stay() -> None:
    from dataclasses import replace

    from kinechain.display import words_for_codes

    results = people_results(n=120)
    results = replace(results, models={"M_open": {"title": "Every way"}})
    in_words = words_for_codes(results)
    assert in_words("The weakest link is C04 (tilt~tight).") == (
        f"The weakest link is C04 ({results.short('tight')} → {results.short('tilt')})."
    )
    assert in_words("Found in M_open: the rest is silence.") == "Found in “Every way”: the rest is silence."
    assert in_words("M_open_too and tilt~tight~x stay.") == "M_open_too and tilt~tight~x stay."


def test_the_bound_of_a_chain_says_that_it_is_one_of_each_link() -> None:
    from kinechain.display import bound_cell

    ledger = ledger_with(**{"claims/C15/sesoi": 0.1})
    assert bound_cell({"claim": "C15", "sesoi_unit": "SD per SD, each link"}, ledger).text == "0.1, each link"
    assert bound_cell({"claim": "C15", "sesoi_unit": "SD per SD"}, ledger).text == "0.1"
    assert bound_cell({"claim": "C02", "sesoi_unit": ""}, ledger).text == "–"


def test_links_that_do_not_survive_the_correction_are_worded_so() -> None:
    from dataclasses import replace

    results = people_results(n=120)
    shown = {}
    for survives in (True, False):
        claims = tuple(
            dict(claim) | {"survives_multiplicity": survives, "verdict": "supported"} for claim in results.claims
        )
        shown[survives] = plain(words.links_words(build_ledger(replace(results, claims=claims))))
    assert shown[True] == "All 5 links of the chain held as claimed"
    assert shown[False] == "All 5 links of the chain held as claimed, none after correction for many claims"


def test_a_plain_correlation_of_the_other_sign_is_told_beside_the_one_link() -> None:
    results = people_results(n=200)
    one = replace(results, chain=results.chain[:2])
    ((x, y),) = one.edges
    ledger = build_ledger(one)
    assert turned_by_adjustment(one, ledger, x, y) == ()
    people = one.cohort.people
    assert people is not None
    mirrored = replace(one, cohort=replace(one.cohort, people=people.assign(**{x: -people[x]})))
    told = plain(turned_by_adjustment(mirrored, build_ledger(mirrored), x, y))
    assert "the plain correlation of the two is −" in told
    assert told.endswith("the other way")
