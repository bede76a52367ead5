"""Evidence: claim × estimate × rule gives one of five verdicts, a tier, and the reasons.

The order of the verdict is in `verdict`, what stops it in `gate`, the kinds of rule in `rule`, and `judge_claims` puts
a cohort's results through all of them.
"""

from kinechain.decisions import Decisions, parse_decisions
from kinechain.evidence.claim import Claim, Rule, Test, draws_needed, parse_claims
from kinechain.evidence.judging import Evidence, Verdict, evidence_record, evidence_table, judge_claims
from kinechain.evidence.preflight import check_claims

__all__ = [
    "Claim",
    "Decisions",
    "Evidence",
    "Rule",
    "Test",
    "Verdict",
    "check_claims",
    "draws_needed",
    "evidence_record",
    "evidence_table",
    "judge_claims",
    "parse_claims",
    "parse_decisions",
]
