# raw file -> Cohort
#
# requires  config/cohorts/{cohort}.yaml, the file it names, config/measures.yaml, config/decisions.yaml
# makes     data/derived/{cohort}/cohort.parquet, reports/{cohort}/quality.json


rule build_cohort:
    """Settle what each column means, score it, and say what was doubtful or left out."""
    input:
        data=lambda wildcards: STUDY.data_file(wildcards.cohort),
        cohort="config/cohorts/{cohort}.yaml",
        measures=ancient("config/measures.yaml"),
        decisions=ancient("config/decisions.yaml"),
    output:
        cohort="data/derived/{cohort}/cohort.parquet",
        quality="reports/{cohort}/quality.json",
    log:
        "logs/{cohort}/build_cohort.log",
    benchmark:
        "logs/{cohort}/build_cohort.tsv"
    conda:
        "../../environment.yml"
    resources:
        mem_mb=memory(400, per_row=0.001),
        runtime=minutes(5),
    params:
        code=code("build_cohort"),
        measures=measures_used,
        threshold=read_threshold(Path("config")),
    script:
        "../scripts/build_cohort.py"
