"""The kinds of rule, by the name config/claims.yaml gives them."""

from __future__ import annotations

from kinechain.evidence.judgement import RuleFunction
from kinechain.evidence.rule_chain import judge_cancellation, judge_mediated, judge_serial
from kinechain.evidence.rule_effect import judge_all_of, judge_effect, judge_no_effect, judge_often
from kinechain.evidence.rule_rival import judge_dependence, judge_independence, judge_pattern, judge_vanishing

RULES: dict[str, RuleFunction] = {
    "effect": judge_effect,
    "chain": judge_serial,
    "equivalence": judge_no_effect,
    "all_of": judge_all_of,
    "share": judge_often,
    "dependence": judge_dependence,
    "independence": judge_independence,
    "mediated": judge_mediated,
    "cancellation": judge_cancellation,
    "pattern": judge_pattern,
    "vanishing": judge_vanishing,
}
