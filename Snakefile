include: "workflow/Snakefile"


rule default:
    """What a plain `snakemake` makes: the whole study."""
    default_target: True
    input:
        rules.all.input,
