# Fits and effects -> Evidence
#
# requires  data/derived/{cohort}/cohort.parquet, fits/{model}.json, effects/{model}.parquet, draws/{model}.parquet,
#           config/claims.yaml, config/decisions.yaml
# makes     reports/{cohort}/claims.csv, reports/{cohort}/claims.json


rule judge_claims:
    """Give every claim of the ledger the verdict that design and data allow."""
    input:
        cohort="data/derived/{cohort}/cohort.parquet",
        fits=per_model("data/derived/{cohort}/fits/{model}.json"),
        effects=per_model("data/derived/{cohort}/effects/{model}.parquet"),
        draws=per_model("data/derived/{cohort}/draws/{model}.parquet"),
        claims="config/claims.yaml",
        decisions="config/decisions.yaml",
    output:
        table="reports/{cohort}/claims.csv",
        record="reports/{cohort}/claims.json",
    log:
        "logs/{cohort}/judge_claims.log",
    benchmark:
        "logs/{cohort}/judge_claims.tsv"
    params:
        code=code("judge_claims"),
    script:
        "../scripts/judge_claims.py"
