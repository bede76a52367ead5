# The study once more -> what differs
#
# requires  config/, data/, reports/manifest.json (of the last commit where there is one); nothing in reports/ or data/derived/
# makes     reports/certificate.html, certificate_pictures.html, codecheck.yml


rule verify:
    """Compute the study again in a fresh folder, and say what differs from what was committed, and why."""
    log:
        "logs/verify.log",
    conda:
        "../../environment.yml"
    threads: workflow.cores
    script:
        "../scripts/verify_study.py"
