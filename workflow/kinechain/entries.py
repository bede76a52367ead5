"""Which numbers of a cohort's study may reach a reader: the ledger, written from its results."""

from __future__ import annotations

import re
from collections.abc import Mapping
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

from kinechain.figures.style import VERDICTS, Row, records
from kinechain.ledger import Entry, Ledger
from kinechain.results import Results
from kinechain.rounding import decimal_text, is_number
from kinechain.tables import correlations_table, fit_row, flow_table, missingness_table
from kinechain.trial_words import MODEL, days_of_visits, trial_facts
from kinechain.trials.trial import TRIAL_TABLES

if TYPE_CHECKING:
    import pandas as pd

INTERVALS = {
    "percentile": "percentile bootstrap",
    "bc": "bias-corrected bootstrap",
    "bca": "BCa bootstrap",
    "monte_carlo": "Monte Carlo",
}

FIT_DECIMALS = {
    "chisq": 2,
    "cfi": 3,
    "tli": 3,
    "rmsea": 3,
    "rmsea_ci_lower": 3,
    "rmsea_ci_upper": 3,
    "srmr": 3,
    "logl": 1,
    "aic": 1,
    "bic": 1,
}


def build_ledger(results: Results) -> Ledger:
    """Every number of one cohort that prose, tables or captions may show."""
    ledger = Ledger()
    _write_study(ledger, results)
    _write_people(ledger, results)
    _write_measures(ledger, results)
    _write_effects(ledger, results)
    _write_fits(ledger, results)
    _write_claims(ledger, results)
    _write_directions(ledger, results)
    _write_checks(ledger, results)
    _write_visits(ledger, results)
    _write_trial(ledger, results)
    return ledger


def effect_key(model: str, effect: str, what: str) -> str:
    """Key of one number of one effect."""
    return f"effects/{model}/{effect}/{what}"


def effects_file(model: str) -> str:
    """The file of a model's effects, without its suffix."""
    return f"{'trial' if model == MODEL else 'effects'}/{model}"


def fit_file(model: str) -> str:
    """The file of a model's fit."""
    return f"{'trial' if model == MODEL else 'fits'}/{model}.json"


def _write_study(ledger: Ledger, results: Results) -> None:
    inference = results.inference
    level = float(inference.get("level", 0.95))
    ledger.share("study/level", level, rule="coverage of intervals, declared in config", inputs=("config/config.yaml",))
    narrow = 1 - 2 * (1 - level)
    ledger.share(
        "study/level_narrow", narrow, rule="coverage of the interval that judges nulls", inputs=("config/config.yaml",)
    )
    if is_number(inference.get("draws")):
        ledger.count("study/draws", inference["draws"], rule="declared in config", inputs=("config/config.yaml",))
    if is_number(inference.get("seed")):
        seed = inference["seed"]
        ledger.add(Entry("study/seed", int(seed), None, str(seed), "declared in config", ("config/config.yaml",)))
    contrast = results.report_options.get("contrast", 10)
    ledger.number(
        "study/contrast",
        contrast,
        rule="contrast of the clinical translation, declared in config",
        inputs=("config/config.yaml",),
    )
    ledger.count("models/fitted", len(results.fits), rule="models fitted to this cohort")


def _write_people(ledger: Ledger, results: Results) -> None:
    source = ("cohort.parquet",)
    ledger.count("cohort/n", results.cohort.n, rule="people in the cohort", inputs=source)
    for place, row in enumerate(flow_table(results).to_dict("records")):
        ledger.count(
            f"flow/{place}/removed",
            row["removed"],
            rule=f"left out: {row['reason']}",
            inputs=("quality.json",),
            masked=row["removed"] is None,
        )
        ledger.count(
            f"flow/{place}/left",
            row["left"],
            rule=f"left after: {row['reason']}",
            inputs=("quality.json",),
            masked=row["left"] is None,
        )
    for model, fit in results.fits.items():
        ledger.count(f"fit/{model}/n", fit.get("n_obs"), rule="people the model used", inputs=(fit_file(model),))
        ledger.count(
            f"fit/{model}/n_dropped",
            fit.get("n_dropped"),
            rule="people left out for missing values",
            inputs=(fit_file(model),),
        )
    main = results.fits.get(results.main_model, {})
    ledger.count(
        "flow/analysed",
        main.get("n_obs"),
        rule="people the main model used",
        inputs=(f"fits/{results.main_model}.json",),
    )
    for row in missingness_table(results).to_dict("records"):
        key = f"missing/{row['kind']}/{row['missing'] or 'none'}"
        ledger.count(
            key, row["count"], rule="people without a value", inputs=("quality.json",), masked=bool(row["masked"])
        )


def _write_measures(ledger: Ledger, results: Results) -> None:
    for row in results.quality.get("codebook", ()):
        name, spread = str(row["measure"]), row.get("sd")
        for what in ("n", "missing"):
            found = row.get(what)
            ledger.count(
                f"codebook/{name}/{what}",
                found,
                rule=f"{what} of the measure",
                inputs=("quality.json",),
                masked=found is None and what in row,
            )
        n = row.get("n")
        error = float(spread) / float(n) ** 0.5 if is_number(spread) and is_number(n) and n else None
        ledger.number(f"codebook/{name}/mean", row.get("mean"), error=error, rule="mean", inputs=("cohort.parquet",))
        ledger.number(f"codebook/{name}/sd", spread, rule="standard deviation", inputs=("cohort.parquet",))
    for row in (results.quality.get("missingness") or {}).get("who") or ():
        ledger.number(
            f"missing/who/{row['missing']}/{row['variable']}",
            row["difference"],
            rule="mean of those without a value less mean of those with one, over the pooled standard deviation",
            inputs=("cohort.parquet",),
            text=decimal_text(row["difference"], 2),
        )
    for row in results.quality.get("findings", ()):
        if is_number(row.get("count")):
            key = f"findings/{row['measure']}/{row['what']}"
            if key not in ledger:
                ledger.count(key, row["count"], rule="values the finding touches", inputs=("quality.json",))
    for row in correlations_table(results).to_dict("records"):
        key = f"correlations/{row['x']}/{row['y']}"
        text = decimal_text(row["r"], 2) if is_number(row["r"]) else None
        ledger.number(
            key, row["r"], rule="Pearson correlation, pairwise complete", inputs=("cohort.parquet",), text=text
        )


def _write_effects(ledger: Ledger, results: Results) -> None:
    seed = results.inference.get("seed")
    for row in results.effects.to_dict("records"):
        model, effect = str(row["model"]), str(row["effect"])
        inputs = (effects_file(model),)
        interval = INTERVALS.get(str(row.get("interval")), str(row.get("interval")))
        drawn = int(seed) if seed is not None and is_number(row.get("draws")) else None
        for prefix in ("", "standardised"):
            point = row.get(prefix or "estimate")
            error = row.get(f"{prefix}_std_error" if prefix else "std_error")
            if not is_number(error) and is_number(row.get(_end(prefix, "high"))):
                error = (float(row[_end(prefix, "high")]) - float(row[_end(prefix, "low")])) / 4
            ledger.number(
                effect_key(model, effect, prefix or "estimate"),
                point,
                error=error,
                rule=f"{row['estimator']} estimate",
                inputs=inputs,
            )
            for end in ("low", "high", "low_90", "high_90") if prefix else ("low", "high"):
                if is_number(row.get(_end(prefix, end))):
                    ledger.number(
                        effect_key(model, effect, _end(prefix, end)),
                        row[_end(prefix, end)],
                        error=error,
                        rule=f"{interval} interval",
                        inputs=inputs,
                        seed=drawn,
                    )
        ledger.number(
            effect_key(model, effect, "std_error"), row.get("std_error"), rule="standard error", inputs=inputs
        )
        ledger.p_value(
            effect_key(model, effect, "p_value"),
            row.get("p_value"),
            rule="two-sided p value",
            inputs=inputs,
            seed=drawn,
        )
        ledger.count(effect_key(model, effect, "n"), row.get("n"), rule="people used", inputs=inputs)
        ledger.count(
            effect_key(model, effect, "failed_draws"),
            row.get("failed_draws"),
            rule="draws without an estimate",
            inputs=inputs,
        )
    _write_translation(ledger, results)


def _end(prefix: str, end: str) -> str:
    return f"{prefix}_{end}" if prefix else end


def _write_translation(ledger: Ledger, results: Results) -> None:
    """The total effect from bottom to top for a contrast of so many units of the first construct."""
    if len(results.chain) < 2:
        return
    model, effect = results.total_place
    mine = results.effects_of(model)
    found = mine[mine["effect"] == effect]
    contrast = ledger["study/contrast"].value
    if found.empty or not isinstance(contrast, int | float):
        return
    row = found.iloc[0]
    for what in ("estimate", "low", "high"):
        if is_number(row[what]):
            error = contrast * float(row["std_error"]) if is_number(row["std_error"]) else None
            ledger.number(
                f"translation/{what}",
                contrast * float(row[what]),
                error=error,
                rule="total effect times the contrast",
                inputs=(effects_file(model),),
            )


def _write_fits(ledger: Ledger, results: Results) -> None:
    for model, fit in results.fits.items():
        row = fit_row(model, fit)
        inputs = (fit_file(model),)
        for what in ("npar", "df"):
            ledger.count(
                f"fit/{model}/{what}",
                row[what],
                rule="free parameters" if what == "npar" else "degrees of freedom",
                inputs=inputs,
            )
        ledger.p_value(f"fit/{model}/pvalue", row["pvalue"], rule="chi-square test of fit", inputs=inputs)
        for what, decimals in FIT_DECIMALS.items():
            text = decimal_text(float(row[what]), decimals) if is_number(row[what]) else None
            ledger.number(f"fit/{model}/{what}", row[what], rule=f"fit measure {what}", inputs=inputs, text=text)


def _write_claims(ledger: Ledger, results: Results) -> None:
    for claim in results.claims:
        _write_claim(ledger, claim)
    _write_counts(ledger, results)
    links = [claim_of_edge(results, x, y) for x, y in results.edges]
    ledger.count("links/all", len(links), rule="links of the chain", inputs=("config/config.yaml",))
    judged = [claim for claim in links if claim is not None and claim.get("verdict") != "not_testable"]
    ledger.count("links/judged", len(judged), rule="links this cohort can judge", inputs=("claims.json",))
    held = [claim for claim in links if claim is not None and claim.get("verdict") == "supported"]
    kept = [claim for claim in held if claim.get("survives_multiplicity") in (True, None)]
    ledger.count("links/kept", len(kept), rule="supported links that survive the correction", inputs=("claims.json",))
    ledger.count("links/supported", len(held), rule="links whose claim is supported", inputs=("claims.json",))


def _write_counts(ledger: Ledger, results: Results) -> None:
    """How many claims, rivals and claims about correction there are, and how many have each verdict."""
    groups = {
        "claims": [claim for claim in results.claims if claim.get("kind") != "rival"],
        "rivals": [claim for claim in results.claims if claim.get("kind") == "rival"],
        "corrective": [claim for claim in results.claims if claim.get("kind") == "corrective"],
    }
    for group, members in groups.items():
        verdicts = [str(claim.get("verdict")) for claim in members]
        judged = len(verdicts) - verdicts.count("not_testable")
        named = "claims about correction" if group == "corrective" else group
        counts = {"all": len(verdicts), "judged": judged} | {name: verdicts.count(name) for name in VERDICTS}
        for what, count in counts.items():
            ledger.count(f"counts/{group}/{what}", count, rule=f"{named}: {what}", inputs=("claims.json",))


def claim_of_edge(results: Results, x: str, y: str) -> Mapping[str, Any] | None:
    """The claim that is about the path from x to y; None when no claim is."""
    found = (claim for claim in results.claims if claim.get("effect") == f"{y}~{x}" and claim.get("kind") != "rival")
    return next(found, None)


def _write_claim(ledger: Ledger, claim: Mapping[str, Any]) -> None:
    name = str(claim["claim"])
    inputs = ("claims.json",)
    error = (
        (float(claim["high"]) - float(claim["low"])) / 4
        if is_number(claim.get("high")) and is_number(claim.get("low"))
        else None
    )
    for what in ("estimate", "low", "high", "low_90", "high_90"):
        if is_number(claim.get(what)):
            ledger.number(
                f"claims/{name}/{what}",
                claim[what],
                error=error,
                rule="estimate of the claim's effect on the scale of its bound",
                inputs=inputs,
            )
    for what in ("sesoi", "smallest_supported"):
        if is_number(claim.get(what)):
            ledger.number(
                f"claims/{name}/{what}",
                claim[what],
                rule="smallest effect of interest"
                if what == "sesoi"
                else "smallest effect that could have been supported",
                inputs=inputs,
            )
    for what in ("n", "n_for_null"):
        if is_number(claim.get(what)):
            ledger.count(
                f"claims/{name}/{what}",
                claim[what],
                rule="people used" if what == "n" else "people at which a null would be called",
                inputs=inputs,
            )


def check_key(name: str, place: int, column: str) -> str:
    """Key of one number of one check."""
    return f"checks/{name}/{place}/{column}"


def table_file(name: str) -> str:
    """The published file of a check's table, or of one that the analysis of a trial made."""
    return f"{'trial' if name in TRIAL_TABLES else 'checks'}/{name}.csv"


def numeric_columns(table: pd.DataFrame) -> tuple[str, ...]:
    """Columns of a check that hold numbers; true and false are words."""
    import pandas as pd

    return tuple(
        str(column)
        for column in table.columns
        if pd.api.types.is_numeric_dtype(table[column]) and not pd.api.types.is_bool_dtype(table[column])
    )


def _write_checks(ledger: Ledger, results: Results) -> None:
    level = float(results.inference.get("level", 0.95))
    for name, table in results.checks.items():
        columns = numeric_columns(table)
        for place, row in enumerate(records(table)):
            for column in columns:
                kind = "trial" if name in TRIAL_TABLES else "check"
                rule, inputs = f"{kind} {name}: {column}", (table_file(name),)
                key = check_key(name, place, column)
                if column == "p_value":
                    ledger.p_value(key, row[column], rule=rule, inputs=inputs)
                elif _is_share(row, column) and is_number(row[column]):
                    ledger.share(key, row[column], rule=rule, inputs=inputs)
                else:
                    error = _error_of(row, level) if column in ESTIMATES else None
                    in_sd = column.startswith("standardised") and is_number(row[column])
                    text = decimal_text(row[column], 2) if in_sd else None
                    ledger.number(key, row[column], error=error, rule=rule, inputs=inputs, text=text)


ESTIMATES = ("estimate", "low", "high", "low_90", "high_90")
"""Columns of a check in the unit of its `std_error`."""
SHARES = (*ESTIMATES, "difference", "share_arm", "share_against")


def _error_of(row: Mapping[str, Any], level: float) -> float | None:
    """Standard error of a check's estimate: its own, else what its interval implies; None where there is neither."""
    if is_number(row.get("std_error")):
        return float(row["std_error"])
    for low, high, share in (("low", "high", level), ("low_90", "high_90", 0.9)):
        if is_number(row.get(low)) and is_number(row.get(high)):
            return (float(row[high]) - float(row[low])) / 2 / NormalDist().inv_cdf((1 + share) / 2)
    return None


def _is_share(row: Mapping[str, Any], column: str) -> bool:
    """Whether a number of a check is a share of people, to be printed in per cent."""
    return (row.get("unit") == "share" and column in SHARES) or (row.get("is_share") is True and column == "mean")


UNSEEN = (table_file("unseen_visits"),)


def _write_trial(ledger: Ledger, results: Results) -> None:
    """What the analysis of arms and visits says beside its tables: days, margins, how many findings are lost."""
    facts = trial_facts(results)
    inputs = ("trial/facts.json",)
    for what in ("relapse", "response"):
        if what in facts:
            mcid = facts[what]["mcid"]
            ledger.number(f"trial/{what}/mcid", mcid, rule="change that matters, declared in config", inputs=inputs)
    for bound, share in zip(("low", "high"), facts.get("relapse", {}).get("often", ()), strict=False):
        ledger.share(f"trial/often/{bound}", share, rule="reading of often, declared in config", inputs=inputs)
    for name in ("estimate", "low", "high"):
        if "relapse_difference" in facts:
            points = 100 * facts["relapse_difference"][name]
            key = f"trial/relapse_difference/{name}"
            rule, text = "difference of relapse shares in percentage points", decimal_text(points, 1)
            ledger.number(key, points, rule=rule, inputs=inputs, text=text)
    if "noninferiority" in facts:
        margin = facts["noninferiority"]["margin"]
        ledger.number("trial/margin", margin, rule="margin of non-inferiority, declared in config", inputs=inputs)
    if is_number(facts.get("rho_at_zero")):
        rho = facts["rho_at_zero"]
        rule, text = "correlation that undoes the last link", decimal_text(rho, 2)
        ledger.number("trial/rho_at_zero", rho, rule=rule, inputs=inputs, text=text)
    if facts.get("arm_by_mediator"):
        p = facts["arm_by_mediator"]["p_value"]
        ledger.p_value("trial/interaction/p", p, rule="test of arm by last mediator", inputs=inputs)
    for assumption in ("overturned", "lost_under_reference"):
        if assumption in facts:
            ledger.count(f"trial/{assumption}", len(facts[assumption]), rule="findings lost", inputs=inputs)
    completed = _first_rows(results)
    found = sum(str(row["tips"]) in ("True", "False") for row in completed)
    if facts:
        scope = "contrasts at each visit and of the change after treatment"
        ledger.count("trial/contrasts", len(completed), rule=scope, inputs=UNSEEN)
        ledger.count("trial/found", found, rule=f"{scope}, clear of zero in the declared analysis", inputs=UNSEEN)


def _write_visits(ledger: Ledger, results: Results) -> None:
    for visit, day in days_of_visits(results).items():
        ledger.number(f"visits/{visit}/day", round(day), rule="mean day of the visit", inputs=("cohort.parquet",))


def _first_rows(results: Results) -> list[Row]:
    """One row a contrast of the table of unseen visits: those completed at random."""
    table = results.checks.get("unseen_visits")
    if table is None or table.empty:
        return []
    return records(table[table["assumption"] == "imputed"])


def _write_directions(ledger: Ledger, results: Results) -> None:
    for name, value in results.directions.items():
        if is_number(value):
            decimals = decimal_text(float(value), 2)
            ledger.number(
                f"directions/{name}",
                value,
                rule="comparison of the chain with its reverse",
                inputs=("claims.json",),
                text=decimals,
            )


def has_digit(text: str) -> bool:
    """Whether the text holds a digit of any script."""
    return bool(re.search(r"\d", text))
