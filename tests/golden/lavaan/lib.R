# One golden: the model, the options of the call, and what lavaan answered, written to expected/<name>.json.
suppressMessages({library(lavaan); library(jsonlite)})

MEASURES <- c("npar", "chisq", "df", "pvalue", "chisq.scaled", "df.scaled", "pvalue.scaled", "chisq.scaling.factor",
  "baseline.chisq", "baseline.df", "baseline.chisq.scaled", "cfi", "tli", "cfi.robust", "tli.robust", "cfi.scaled", "tli.scaled",
  "logl", "unrestricted.logl", "aic", "bic", "bic2", "ntotal", "rmsea", "rmsea.ci.lower", "rmsea.ci.upper", "rmsea.pvalue",
  "rmsea.robust", "rmsea.scaled", "srmr",
  "rmsea.ci.lower.scaled", "rmsea.ci.upper.scaled", "rmsea.pvalue.scaled",
  "rmsea.ci.lower.robust", "rmsea.ci.upper.robust", "rmsea.pvalue.robust")

golden <- function(name, model, data = NULL, moments = NULL, n = NULL, call = "sem", note = "", ...) {
  options <- list(...)
  args <- c(list(model = model), options)
  if (!is.null(data)) {
    people <- read.csv(file.path("data", paste0(data, ".csv")))
    args$data <- people
  } else {
    args$sample.cov <- as.matrix(read.csv(file.path("data", paste0(moments, ".csv")), row.names = 1))
    args$sample.nobs <- n
  }
  # Past lavaan's default stop where its optimiser allows it, so that a difference is ours.
  fit <- suppressWarnings(do.call(call, c(args, list(control = list(rel.tol = 1e-12)))))
  failed <- !lavInspect(fit, "converged") || !isTRUE(fit@baseline$test[[1]]$stat > 0)
  if (failed) fit <- suppressWarnings(do.call(call, args))
  if (!lavInspect(fit, "converged")) { cat(name, "DID NOT CONVERGE\n"); return(invisible()) }
  table <- as.data.frame(parameterEstimates(fit, standardized = TRUE, remove.system.eq = FALSE, remove.eq = FALSE, remove.ineq = FALSE))
  keep <- c("lhs", "op", "rhs", "group", "label", "est", "se", "z", "pvalue", "ci.lower", "ci.upper", "std.lv", "std.all", "std.all.se")
  standard <- as.data.frame(standardizedSolution(fit, type = "std.all", remove.eq = FALSE, remove.ineq = FALSE, remove.def = FALSE))
  if (nrow(standard) == nrow(table)) table$std.all.se <- standard$se
  table <- table[!table$op %in% c("==", "<", ">"), intersect(keep, names(table))]
  measures <- suppressWarnings(as.list(unclass(fitMeasures(fit))))
  out <- list(name = name, note = note, lavaan = as.character(packageVersion("lavaan")), R = R.version.string, call = call,
    model = model, data = data, moments = moments, n = n, options = options, gradient = max(abs(lavTech(fit, "gradient"))),
    parameters = table, fit_measures = measures[intersect(MEASURES, names(measures))], r2 = lavInspect(fit, "rsquare"))
  indices <- tryCatch(suppressWarnings(modificationIndices(fit, sort. = TRUE, maximum.number = 8)), error = function(e) NULL)
  if (!is.null(indices)) out$modification_indices <- as.data.frame(indices)[, intersect(c("lhs", "op", "rhs", "group", "mi", "epc"), names(indices))]
  write_json(out, file.path("expected", paste0(name, ".json")), auto_unbox = TRUE, digits = 12, dataframe = "rows", na = "null", null = "null", pretty = TRUE)
  cat(sprintf("%-28s chisq %.4f df %d\n", name, measures$chisq, measures$df))
}
