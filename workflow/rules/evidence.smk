# Fits and effects -> checks -> Evidence
#
# requires  data/derived/{cohort}/cohort.parquet, fits/{model}.json, effects/{model}.parquet, draws/{model}.parquet,
#           config/claims.yaml, config/decisions.yaml, config/checks.yaml
# makes     reports/{cohort}/checks, claims.csv, claims.json


rule run_checks:
    """Put every link under stress: confounding, equivalent models, reliability, missing values, other choices."""
    input:
        cohort="data/derived/{cohort}/cohort.parquet",
        models=per_model("config/models/{model}.yaml"),
        effects=per_model("data/derived/{cohort}/effects/{model}.parquet"),
        plan="config/checks.yaml",
        decisions="config/decisions.yaml",
    output:
        tables=report(
            directory("reports/{cohort}/checks"),
            patterns=["{name}.csv"],
            caption="../report/checks.rst",
            category="Sensitivity",
            subcategory="{cohort}",
            labels={"check": "{name}"},
        ),
        threshold="data/derived/{cohort}/checks/threshold.parquet",
    log:
        "logs/{cohort}/run_checks.log",
    benchmark:
        "logs/{cohort}/run_checks.tsv"
    conda:
        "../../environment.yml"
    resources:
        mem_mb=memory(600, per_draw=0.02, per_row=0.005),
        runtime=minutes(10, all_draws),
    params:
        code=code("run_checks"),
        choices=lambda wildcards: STUDY.choices_of_checks(wildcards.cohort),
        seed=STUDY.config["inference"]["seed"],
    script:
        "../scripts/run_checks.py"


rule judge_claims:
    """Give every claim of the ledger the verdict that design and data allow."""
    input:
        cohort="data/derived/{cohort}/cohort.parquet",
        fits=fits,
        effects=lambda wildcards: effects(wildcards)
        + [f"data/derived/{wildcards.cohort}/checks/threshold.parquet"],
        draws=per_model("data/derived/{cohort}/draws/{model}.parquet"),
        claims="config/claims.yaml",
        decisions="config/decisions.yaml",
    output:
        table=report(
            "reports/{cohort}/claims.csv",
            caption="../report/claims.rst",
            category="Claims",
            subcategory="{cohort}",
            labels={"table": "verdicts"},
        ),
        record="reports/{cohort}/claims.json",
    log:
        "logs/{cohort}/judge_claims.log",
    benchmark:
        "logs/{cohort}/judge_claims.tsv"
    conda:
        "../../environment.yml"
    resources:
        mem_mb=memory(500, per_draw=0.06, per_row=0.005),
        runtime=minutes(5, all_draws),
    params:
        code=code("judge_claims"),
    script:
        "../scripts/judge_claims.py"
