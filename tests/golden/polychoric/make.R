# Statistics of mixed numeric and ordered outcomes and their asymptotic covariance matrix, from lavaan.
# Run in this folder: Rscript make.R
suppressMessages({library(lavaan); library(jsonlite)})
d <- read.csv("input.csv")
ordered <- c("o2", "o3", "o5")
reference <- function(model, name) {
  fit <- sem(model, d, ordered = ordered, estimator = "WLSMV")
  s <- lavInspect(fit, "sampstat")
  write_json(list(
    lavaan = as.character(packageVersion("lavaan")), R = R.version.string,
    statistics = as.numeric(fit@SampleStats@WLS.obs[[1]]),
    gamma = unclass(lavInspect(fit, "gamma")), names = rownames(lavInspect(fit, "gamma"))
  ), paste0(name, ".json"), digits = 14, auto_unbox = TRUE)
}
y <- c("n1", "n2", "o2", "o3", "o5")
pairs <- paste(apply(combn(y, 2), 2, paste, collapse = " ~~ "), collapse = "\n")
reference(paste(pairs, "\n", paste(y, "~ x1 + x2", collapse = "\n")), "given_covariates")
reference(pairs, "no_covariates")
