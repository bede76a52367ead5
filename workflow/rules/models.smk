# Cohort × model -> Fit -> effect table
#
# requires  data/derived/{cohort}/cohort.parquet, config/models/{model}.yaml
# makes     data/derived/{cohort}/fits/{model}.json, estimates/{model}.parquet, draws/{model}.parquet, effects/{model}.parquet;
#           for trials also data/derived/{cohort}/trial and reports/{cohort}/trial


rule fit_model:
    """Estimate one model, and every effect it implies."""
    input:
        cohort="data/derived/{cohort}/cohort.parquet",
        model="config/models/{model}.yaml",
    output:
        fit="data/derived/{cohort}/fits/{model}.json",
        estimates="data/derived/{cohort}/estimates/{model}.parquet",
    log:
        "logs/{cohort}/fit_model/{model}.log",
    benchmark:
        "logs/{cohort}/fit_model/{model}.tsv"
    conda:
        "../../environment.yml"
    resources:
        mem_mb=memory(400, per_row=0.005),
        runtime=minutes(5, own_draws),
    params:
        code=code("fit_model"),
        model=model_params,
        seed=STUDY.config["inference"]["seed"],
    script:
        "../scripts/fit_model.py"


rule draw_part:
    """Some of the draws of a model that takes long: one job of several that share them."""
    input:
        cohort="data/derived/{cohort}/cohort.parquet",
        model="config/models/{model}.yaml",
    output:
        temp("data/derived/{cohort}/draws/{model}.{part}of{parts}.parquet"),
    log:
        "logs/{cohort}/draw_part/{model}.{part}of{parts}.log",
    benchmark:
        "logs/{cohort}/draw_part/{model}.{part}of{parts}.tsv"
    wildcard_constraints:
        part="[0-9]+",
        parts="[0-9]+",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=memory(500, per_draw=0.04, per_row=0.005),
        runtime=minutes(5, own_draws),
    params:
        code=code("draw_part"),
        model=model_params,
        inference=drawn,
    script:
        "../scripts/draw_part.py"


rule draw_effects:
    """Draw every effect of a model again and again from the same people, and give it its interval."""
    input:
        cohort="data/derived/{cohort}/cohort.parquet",
        model="config/models/{model}.yaml",
        estimates="data/derived/{cohort}/estimates/{model}.parquet",
        parts=parts_of_draws,
    output:
        draws="data/derived/{cohort}/draws/{model}.parquet",
        effects="data/derived/{cohort}/effects/{model}.parquet",
    log:
        "logs/{cohort}/draw_effects/{model}.log",
    benchmark:
        "logs/{cohort}/draw_effects/{model}.tsv"
    conda:
        "../../environment.yml"
    resources:
        mem_mb=memory(500, per_draw=0.04, per_row=0.005),
        runtime=minutes(5, own_draws),
    params:
        code=code("draw_effects"),
        model=model_params,
        inference=lambda wildcards: drawn(wildcards)
        | {"level": STUDY.config["inference"]["level"]},
    script:
        "../scripts/draw_effects.py"


rule analyse_trial:
    """Arms, visits, response, relapse and mediation of a trial, as its plan declares."""
    input:
        cohort="data/derived/{cohort}/cohort.parquet",
        plan="config/trial.yaml",
        decisions="config/decisions.yaml",
    output:
        effects="data/derived/{cohort}/trial/M10_trial.parquet",
        fit="data/derived/{cohort}/trial/M10_trial.json",
        tables=directory("data/derived/{cohort}/trial/tables"),
        published=report(
            directory("reports/{cohort}/trial"),
            patterns=["{name}.csv"],
            caption="../report/trial.rst",
            category="Trial",
            subcategory="{cohort}",
            labels={"analysis": "{name}"},
        ),
    log:
        "logs/{cohort}/analyse_trial.log",
    benchmark:
        "logs/{cohort}/analyse_trial.tsv"
    conda:
        "../../environment.yml"
    resources:
        mem_mb=memory(500, per_row=0.005),
        runtime=minutes(15),
    params:
        code=code("analyse_trial"),
        seed=STUDY.config["inference"]["seed"],
    script:
        "../scripts/analyse_trial.py"
