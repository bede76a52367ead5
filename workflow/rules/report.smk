# Everything -> tables, figures, ledger, reports, index, manifest
#
# requires  what cohort.smk, models.smk and evidence.smk make, config/models/*.yaml, config/claims.yaml, config/measures.yaml
# makes     reports/{cohort}/tables, figures, ledger.json, report.html, report.pdf, report.docx;
#           reports/index.html, reports/manifest.json, reports/run.json, reports/run.html

from kinechain.manifest import STEPS

TABLES = ["effects", "fit", "claims", "codebook", "flow", "missingness", "correlations"]
MADE_BY = {
    "quality.json": "build_cohort",
    "claims.csv": "judge_claims",
    "claims.json": "judge_claims",
    "checks": "run_checks",
    "trial": "analyse_trial",
    "tables": "write_report",
    "figures": "draw_figures",
    "report.html": "write_report",
    "report.pdf": "write_report",
    "report.docx": "write_report",
    "ledger.json": "write_report",
    "index.html": "write_index",
    "cohort.parquet": "build_cohort",
    "draws": "draw_effects",
    "effects": "draw_effects",
}
APART = ("index.html", "tables", "trial", "cohort.parquet", "draws", "effects")
SOURCES_OF_REPORT = dict(
    cohort="data/derived/{cohort}/cohort.parquet",
    quality="reports/{cohort}/quality.json",
    fits=fits,
    effects=effects,
    checks=lambda wildcards: [f"reports/{wildcards.cohort}/checks"]
    + of_trial("data/derived/{cohort}/trial/tables")(wildcards),
    claims="reports/{cohort}/claims.json",
    models=per_model("config/models/{model}.yaml"),
    measures=ancient("config/measures.yaml"),
    ledger_of_claims="config/claims.yaml",
    **(
        {"schematic": "config/schematic.yaml"}
        if Path("config/schematic.yaml").exists()
        else {}
    ),
)


PUBLISHED = [
    "reports/index.html",
    *expand(
        "reports/{cohort}/{name}",
        cohort=COHORTS,
        name=[name for name in MADE_BY if name not in APART],
    ),
    *expand("reports/{cohort}/tables/{table}.csv", cohort=COHORTS, table=TABLES),
    *expand("reports/{cohort}/trial", cohort=filter(STUDY.is_trial, COHORTS)),
]


rule draw_figures:
    """Every figure as svg and png, each with the csv of its numbers and a text that says what it shows."""
    input:
        **SOURCES_OF_REPORT,
    output:
        report(
            directory("reports/{cohort}/figures"),
            patterns=["{name}.svg"],
            caption="../report/figures.rst",
            category="Figures",
            subcategory="{cohort}",
            labels={"figure": "{name}"},
        ),
    log:
        "logs/{cohort}/draw_figures.log",
    benchmark:
        "logs/{cohort}/draw_figures.tsv"
    conda:
        "../../environment.yml"
    resources:
        mem_mb=memory(700, per_row=0.005),
        runtime=minutes(10),
    params:
        code=code("draw_figures"),
        study=STUDY.config,
        digests=digests,
    script:
        "../scripts/draw_figures.py"


rule write_report:
    """The report for people: a page, a paper, a Word file, its tables as csv, and the ledger their numbers come from."""
    input:
        **SOURCES_OF_REPORT,
        figures="reports/{cohort}/figures",
    output:
        tables=[
            report(
                f"reports/{{cohort}}/tables/{table}.csv",
                caption="../report/tables.rst",
                category="Tables",
                subcategory="{cohort}",
                labels={"table": table},
            )
            for table in TABLES
        ],
        html=report(
            "reports/{cohort}/report.html",
            caption="../report/report.rst",
            category="Reports",
            subcategory="{cohort}",
            labels={"form": "page"},
        ),
        pdf=report(
            "reports/{cohort}/report.pdf",
            caption="../report/report.rst",
            category="Reports",
            subcategory="{cohort}",
            labels={"form": "paper"},
        ),
        docx=report(
            "reports/{cohort}/report.docx",
            caption="../report/report.rst",
            category="Reports",
            subcategory="{cohort}",
            labels={"form": "Word file"},
        ),
        ledger="reports/{cohort}/ledger.json",
        summary="data/derived/{cohort}/summary.json",
    log:
        "logs/{cohort}/write_report.log",
    benchmark:
        "logs/{cohort}/write_report.tsv"
    conda:
        "../../environment.yml"
    resources:
        mem_mb=memory(800, per_row=0.005),
        runtime=minutes(10),
    params:
        code=code("write_report"),
        template=TEMPLATE,
        templates=TEMPLATES,
        study=STUDY.config,
        digests=digests,
        left_out=lambda wildcards: STUDY.left_out(wildcards.cohort),
        about=lambda wildcards: STUDY.about(wildcards.cohort),
        registration=REGISTRATION,
    script:
        "../scripts/write_report.py"


rule write_index:
    """The page that links all reports."""
    input:
        expand("data/derived/{cohort}/summary.json", cohort=COHORTS),
    output:
        "reports/index.html",
    log:
        "logs/write_index.log",
    benchmark:
        "logs/write_index.tsv"
    conda:
        "../../environment.yml"
    resources:
        mem_mb=memory(400),
        runtime=minutes(5),
    params:
        code=code("write_index"),
        template=TEMPLATE,
        templates=TEMPLATES,
        study=STUDY.config,
    script:
        "../scripts/write_index.py"


rule write_manifest:
    """Sha256 of everything made, with all that decided its content: committed, so that others can compare."""
    input:
        PUBLISHED,
        expand("data/derived/{cohort}/cohort.parquet", cohort=COHORTS),
        [
            f"data/derived/{cohort}/{kind}/{model}.parquet"
            for cohort in COHORTS
            for model in STUDY.models_of(cohort)
            for kind in ("draws", "effects")
        ],
        effects=expand("reports/{cohort}/tables/effects.csv", cohort=COHORTS),
        claims=expand("reports/{cohort}/claims.csv", cohort=COHORTS),
    output:
        "reports/manifest.json",
    log:
        "logs/write_manifest.log",
    benchmark:
        "logs/write_manifest.tsv"
    conda:
        "../../environment.yml"
    resources:
        mem_mb=memory(300),
        runtime=minutes(5),
    params:
        code=code("write_manifest"),
        code_of={rule: code(rule) for rule in STEPS} | {"templates": TEMPLATE},
        inputs=STUDY.inputs(),
        makers=MADE_BY,
        inference=STUDY.config["inference"],
    script:
        "../scripts/write_manifest.py"


rule write_run:
    """What belongs to one run and not to the result: machine, git, versions, what each job took. Never hashed."""
    input:
        "reports/manifest.json",
    output:
        record="reports/run.json",
        page="reports/run.html",
    log:
        "logs/write_run.log",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=memory(300),
        runtime=minutes(5),
    params:
        title=STUDY.config["study"]["title"],
    script:
        "../scripts/write_run.py"
