# The study once more -> what differs; a cohort -> its synthetic twin
#
# requires  config/, data/, reports/manifest.json (of the last commit where there is one); nothing in reports/ or data/derived/
# makes     reports/certificate.html, certificate_pictures.html, codecheck.yml; reports/{cohort}/twin


rule verify:
    """Compute the study again in a fresh folder, and say what differs from what was committed, and why."""
    log:
        "logs/verify.log",
    conda:
        "../../environment.yml"
    threads: os.cpu_count()
    resources:
        mem_mb=memory(1000),
        runtime=minutes(240),
    script:
        "../scripts/verify_study.py"


rule make_twin:
    """Synthetic rows with the very moments of a cohort, for reproducing its linear numbers and not for discovery."""
    input:
        cohort="data/derived/{cohort}/cohort.parquet",
        models=per_model("config/models/{model}.yaml"),
        effects="reports/{cohort}/tables/effects.csv",
        decisions="config/decisions.yaml",
    output:
        directory("reports/{cohort}/twin"),
    log:
        "logs/{cohort}/make_twin.log",
    benchmark:
        "logs/{cohort}/make_twin.tsv"
    conda:
        "../../environment.yml"
    resources:
        mem_mb=memory(600, per_row=0.005),
        runtime=minutes(10),
    params:
        code=code("make_twin"),
        study=STUDY.config,
    script:
        "../scripts/make_twin.py"


rule twin:
    """A twin of every cross-sectional cohort of people; one that would tell too much says why there is none."""
    input:
        expand(
            "reports/{cohort}/twin",
            cohort=[name for name in COHORTS if STUDY.has_rows_of_people(name)],
        ),
