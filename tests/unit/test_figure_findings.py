"""What figures say and where they say it: titles that are true, colours that stay, names that fit."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from kinechain.figures import FIGURES, style
from kinechain.figures.body import _draw_limb
from kinechain.figures.forest import row_text
from kinechain.figures.path_diagram import links_title
from kinechain.figures.rivals import ALIKE, bic_text, rivals_table
from kinechain.figures.waterfall import describe_waterfall
from kinechain.results import Construct, arrows
from tests.fixtures.report_inputs import people_results, trial_results


def link(start: str, end: str, estimate: float, error: float = 0.05) -> dict[str, object]:
    return {"from": start, "to": end, "estimate": estimate, "low": estimate - 2 * error, "high": estimate + 2 * error}


@pytest.mark.parametrize(
    ("sizes", "said"),
    [
        ((0.3, 0.2), "Every link of the chain stands clear of zero, from 0.20 to 0.30 SD per SD"),
        ((0.3,), "The one link measured stands clear of zero, at 0.30 SD per SD"),
        ((0.3, 0.0, 0.3), "The chain stands clear of zero except at b → c"),
        ((0.3, 0.0, 0.0), "Of 3 links only a → b stands clear of zero"),
        ((0.3, -0.3), "b → c runs against the chain"),
        ((0.0, 0.0), "No link of the chain stands clear of zero"),
        ((-0.3, -0.3, -0.3), "3 links run against the chain"),
    ],
)
def test_the_title_of_the_chain_is_what_its_links_show(sizes: tuple[float, ...], said: str) -> None:
    assert links_title([link("abcd"[at], "abcd"[at + 1], size) for at, size in enumerate(sizes)]) == said


def test_a_construct_keeps_its_colour_in_a_cohort_that_lacks_the_one_below() -> None:
    results = people_results(n=200)
    whole = FIGURES["path_diagram"].table(results)
    part = FIGURES["path_diagram"].table(replace(results, chain=results.chain[1:]))
    second = results.short(results.chain[1])
    assert set(whole.loc[whole["from"] == second, "from_hue"]) == {1}
    assert set(part.loc[part["from"] == second, "from_hue"]) == {1}
    assert results.hue("age") is None
    assert style.construct_colour(None) == style.QUIET


def test_no_share_of_missing_values_is_above_the_one_in_the_title() -> None:
    kind = FIGURES["missingness"]
    for count, n, said in ((18, 420, "4.3 %"), (21, 420, "5.0 %"), (1, 3000, "0.1 %")):
        table = pd.DataFrame(
            [{"kind": "variable", "missing": "x", "count": count, "masked": False, "n": n, "names": "X", "visit": ""}]
        )
        assert kind.describe(table).title == f"No variable is missing in more than {said} of people"
        assert 100 * count / n <= float(said.split()[0])


def waterfall(*links: float, error: float) -> pd.DataFrame:
    left = np.cumprod([1.0, *links])
    return pd.DataFrame(
        {
            "place": place,
            "name": f"c{place}",
            "left": value,
            "low": value - 2 * error if place else None,
            "high": value + 2 * error if place else None,
            "link": links[place - 1] if place else None,
            "own": 10 * value,
            "own_error": 10 * error if place else None,
            "unit": "deg",
            "hue": place,
            "mcid": None,
        }
        for place, value in enumerate(left)
    )


def test_the_waterfall_names_the_link_that_keeps_least_and_how_far_it_stands_clear() -> None:
    clear = describe_waterfall(waterfall(0.4, 0.2, 0.5, error=0.001))
    assert clear.title == "Of 1 SD of c0 the chain hands 0.0400 SD on to c3; c1 → c2 keeps least"
    assert describe_waterfall(waterfall(0.4, 0.2, 0.5, error=0.03)).title.endswith("up to c2 and no further")
    assert describe_waterfall(waterfall(0.4, 0.2, 0.5, error=0.3)).title.endswith("clear of zero above c0")
    assert "c3 < 0.0001 SD" in describe_waterfall(waterfall(0.1, 0.001, 0.001, error=1e-9)).alt


def test_what_rounds_to_nothing_is_told_by_its_bound() -> None:
    assert row_text({"estimate": 1e-7, "low": -2e-7, "high": 3e-7}) == "within ±0.0001"
    assert row_text({"estimate": 0.25, "low": 0.2, "high": 0.3}) == "0.25 [0.20, 0.30]"


def test_rivals_that_bic_cannot_tell_from_the_chain_say_so() -> None:
    near, far = ({"role": "", "bic_difference": value, "same_as": ""} for value in (ALIKE, ALIKE + 0.1))
    assert bic_text(near) == "BIC +2.0, not to be told from the chain"
    assert bic_text(far) == "BIC +2.1"
    assert bic_text({"role": "", "bic_difference": None, "same_as": "The reverse"}).startswith(
        "same BIC as “The reverse”"
    )


def test_a_model_shares_its_likelihood_only_with_one_that_draws_other_paths() -> None:
    results = people_results(n=200)
    variables = [{"lhs": name, "op": "~~", "rhs": name} for name in results.chain]
    fits = {
        model: {**results.fits["M1_chain"], "parameters": variables, "fit_measures": {"bic": bic}}
        for model, bic in (("M1_chain", 100.0), ("M2_open", 100.0), ("copy", 100.0))
    }
    twice = results.effects[results.effects["model"] == "M1_chain"].assign(model="copy")
    models = {**results.models, "copy": {"name": "copy", "title": "A copy"}}
    effects = pd.concat([results.effects, twice], ignore_index=True)
    table = rivals_table(replace(results, fits=fits, models=models, effects=effects))
    told = table.drop_duplicates("model").set_index("model")["same_as"]
    title = str(results.models["M2_open"]["title"])
    assert told["M1_chain"] == told["copy"] == title


def test_a_limb_is_turned_from_rest_to_the_mean() -> None:
    row = {"x": 0.0, "y": 50.0, "turn": 1.0, "mean": 90.0, "hue": 0}
    axes = Figure().add_subplot()
    _draw_limb(axes, row, np.array([[0.0, 50.0], [0.0, 10.0], [-2.0, 30.0]]))
    drawn = np.asarray(axes.patches[0].get_xy())
    assert drawn[8] == pytest.approx([40.0, 50.0])  # what hung straight down now points to the front


def drawn_texts(name: str, table: pd.DataFrame) -> dict[str, Text]:
    kind = FIGURES[name]
    found = kind.draw(table, kind.describe(table)).findobj(Text)
    return {text.get_text(): text for text in found if isinstance(text, Text) and text.get_text()}


def test_the_forest_runs_along_the_body_from_the_bottom_up() -> None:
    results = trial_results()
    table = FIGURES["forest"].table(results)
    texts = drawn_texts("forest", table)
    links = [str(name) for name in table.loc[table["group"] == "link", "name"]]
    heights = [texts[name].xy[1] for name in links]  # type: ignore[attr-defined]  # an annotation has a place
    assert heights == sorted(heights)


def test_an_estimate_in_another_unit_stands_in_numbers_beside_its_verdict() -> None:
    table = FIGURES["claims_at_a_glance"].table(trial_results())
    table["scale"] = table["scale"].astype(object)
    table["unit"] = table["unit"].astype(object)
    table.loc[0, ["scale", "unit", "estimate", "low", "high"]] = ["raw", "points", -3.02, -4.97, -1.0]
    assert "−3.0 points [−5.0, −1.0]" in drawn_texts("claims_at_a_glance", table)


def test_the_choices_behind_a_specification_are_told_against_the_declared_one() -> None:
    table = FIGURES["specification_curve"].table(trial_results())
    assert set(table.loc[table["declared"], "given"]) == {"declared covariates"}
    assert "without sex" in set(table.loc[~table["declared"], "given"])
    texts = drawn_texts("specification_curve", table)
    assert {"gaps: listwise", "gaps: maximum likelihood", "without sex"} <= set(texts)


def test_two_constructs_of_one_short_name_keep_their_own_cells() -> None:
    results = people_results(n=200)
    alike = {name: Construct(name, it.label, "same", it.role) for name, it in results.constructs.items()}
    plain, twins = (FIGURES["correlations"].table(it) for it in (results, replace(results, constructs=alike)))
    kind = FIGURES["correlations"]
    cells = [len(kind.draw(table, kind.describe(table)).axes[0].patches) for table in (plain, twins)]
    places = {patch.get_xy() for patch in kind.draw(twins, kind.describe(twins)).axes[0].patches}  # type: ignore[attr-defined]
    assert cells[0] == cells[1] == len(places) == len(plain)


@pytest.mark.parametrize(
    "text", ["a few words that go on and on", "Verlängerungsfähigkeitsmessung_ohne_Lücke", "a → b"]
)
def test_no_line_is_wider_than_its_room(text: str) -> None:
    for inches in (0.4, 0.9, 2.0):
        lines = style.wrapped(text, inches, 8, 2)
        assert len(lines) <= 2
        assert all(style.text_width(line, 8) <= inches for line in lines)
        assert style.text_width(style.one_line(text, inches, 8), 8) <= inches


@pytest.mark.parametrize("bold", [False, True])
def test_a_text_is_as_wide_as_matplotlib_draws_it(bold: bool) -> None:
    """Letters that join, as in `fi`, take up to three hundredths less than their steps."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(family="DejaVu Sans", size=8.5, weight="bold" if bold else "normal")
    for text in ("Sit-and-reach → Craniovertebral angle, 12.5°", "AVATAR Ty LT", "office staff fit", "שלום"):
        drawn = text_to_path.get_text_width_height_descent(text, font, ismath=False)[0] / 72
        assert drawn * 0.995 <= style.text_width(text, 8.5, bold=bold) <= drawn * 1.03, text


def test_colours_of_signs_are_the_diverging_palette_of_seaborn() -> None:
    import seaborn

    theirs = seaborn.diverging_palette(45, 275, s=70, l=55, as_cmap=True)
    for share in np.linspace(-1, 1, 41):
        # a palette of 256 colours stands within two steps of 255 of one without steps
        assert np.allclose(style.sign_shade(share), theirs(0.5 + share / 2)[:3], atol=2 / 255)


def test_a_shortened_link_keeps_both_of_its_ends() -> None:
    shown = style.one_line("Reduction of the voluntary movement → Loss of the curve of the back", 1.8, 8)
    first, last = shown.split(" → ")
    assert first.startswith("Red") and last.startswith("Loss")
    assert first.endswith("…") and last.endswith("…")


def test_an_arrow_does_not_turn_round_between_names_written_from_right_to_left() -> None:
    mark = "\N{LEFT-TO-RIGHT MARK}"
    name = "\u05db\u05d0\u05d1"
    assert style.one_line(f"{name} → {name}", 3, 8) == f"{mark}{name} {mark}→{mark} {name}"
    assert style.one_line("a → b", 3, 8) == "a → b"


def test_an_arrow_between_names_from_right_to_left_does_not_turn_round() -> None:
    mark = "\N{LEFT-TO-RIGHT MARK}"
    assert arrows("pelvis", "lumbar") == "pelvis → lumbar"
    assert arrows("אגן", "גב") == f"אגן {mark}→{mark} גב"
