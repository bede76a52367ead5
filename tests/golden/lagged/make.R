# Reference values of the models of visits:  Rscript make.R   (lavaan; the .lav files are those this project writes)
suppressMessages({library(lavaan); library(jsonlite)})
d <- read.csv("input.csv")
one <- function(name, call = "sem") {
  text <- paste(readLines(paste0(name, ".lav")), collapse = "\n")
  fit <- do.call(call, list(model = text, data = d, missing = "fiml", meanstructure = TRUE, fixed.x = TRUE,
                            information = "observed"))
  p <- parameterEstimates(fit, standardized = TRUE)
  if (is.null(p$label)) p$label <- ""
  list(parameters = p[, c("lhs", "op", "rhs", "label", "est", "se", "std.all")],
       chisq = unname(fitMeasures(fit, "chisq")), df = unname(fitMeasures(fit, "df")))
}
out <- list(versions = list(R = R.version.string, lavaan = as.character(packageVersion("lavaan"))),
            cross_lagged = one("cross_lagged"), cross_lagged_equal = one("cross_lagged_equal"),
            random_intercept = one("random_intercept"), latent_change = one("latent_change"),
            growth = one("growth", "growth"))
write_json(out, "expected.json", digits = 12, auto_unbox = TRUE, pretty = TRUE, na = "null")
