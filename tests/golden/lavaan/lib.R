# One golden: the model, the options of the call, and what lavaan answered, written to expected/<name>.json.
suppressMessages({library(lavaan); library(jsonlite)})

MEASURES <- c("npar", "chisq", "df", "pvalue", "chisq.scaled", "df.scaled", "pvalue.scaled", "chisq.scaling.factor",
  "baseline.chisq", "baseline.df", "baseline.chisq.scaled", "cfi", "tli", "cfi.robust", "tli.robust", "cfi.scaled", "tli.scaled",
  "logl", "unrestricted.logl", "aic", "bic", "bic2", "ntotal", "rmsea", "rmsea.ci.lower", "rmsea.ci.upper", "rmsea.pvalue",
  "rmsea.robust", "rmsea.scaled", "srmr",
  "rmsea.ci.lower.scaled", "rmsea.ci.upper.scaled", "rmsea.pvalue.scaled",
  "rmsea.ci.lower.robust", "rmsea.ci.upper.robust", "rmsea.pvalue.robust")

# Residuals of every modelled moment over their standard errors, one row a moment; NULL where lavaan offers none.
residual_rows <- function(fit) {
  both <- tryCatch(list(residuals(fit, type = "normalized"), residuals(fit, type = "standardized")), error = function(e) NULL)
  if (is.null(both) || is.null((if (lavInspect(fit, "ngroups") > 1) both[[1]][[1]] else both[[1]])$cov)) return(NULL)
  rows <- list()
  for (g in seq_len(lavInspect(fit, "ngroups"))) {
    normal <- if (lavInspect(fit, "ngroups") > 1) both[[1]][[g]] else both[[1]]
    standard <- if (lavInspect(fit, "ngroups") > 1) both[[2]][[g]] else both[[2]]
    names <- rownames(normal$cov)
    for (i in seq_along(names)) for (j in seq_len(i))
      rows[[length(rows) + 1]] <- data.frame(lhs = names[j], rhs = names[i], group = g, normalised = normal$cov[i, j], standardised = standard$cov[i, j])
    if (!is.null(normal$mean) && !lavInspect(fit, "categorical")) for (i in seq_along(names))
      rows[[length(rows) + 1]] <- data.frame(lhs = names[i], rhs = "", group = g, normalised = normal$mean[[i]], standardised = standard$mean[[i]])
  }
  do.call(rbind, rows)
}

# Test of a model against one it is nested in, as lavTestLRT chooses it, written to differences/<name>.json.
difference <- function(name, restricted, general, data, ...) {
  people <- read.csv(file.path("data", paste0(data, ".csv")))
  options <- list(...)
  fit <- function(model) {
    args <- c(list(model = model, data = people), options)
    found <- suppressWarnings(do.call("sem", c(args, list(control = list(rel.tol = 1e-12)))))
    if (lavInspect(found, "converged")) found else suppressWarnings(do.call("sem", args))
  }
  test <- lavTestLRT(fit(general), fit(restricted))
  out <- list(name = name, lavaan = as.character(packageVersion("lavaan")), R = R.version.string, restricted = restricted, general = general,
    data = data, options = options, method = trimws(strsplit(attr(test, "heading"), "\n")[[1]][2]),
    chisq_difference = test[2, "Chisq diff"], df_difference = test[2, "Df diff"], p_value = test[2, "Pr(>Chisq)"])
  write_json(out, file.path("differences", paste0(name, ".json")), auto_unbox = TRUE, digits = 12, na = "null", null = "null", pretty = TRUE)
  cat(sprintf("%-28s difference %.4f df %d\n", name, out$chisq_difference, as.integer(out$df_difference)))
}

golden <- function(name, model, data = NULL, moments = NULL, n = NULL, call = "sem", note = "", ...) {
  options <- list(...)
  args <- c(list(model = model), options)
  if (!is.null(data)) {
    people <- read.csv(file.path("data", paste0(data, ".csv")))
    args$data <- people
  } else {
    table <- as.matrix(read.csv(file.path("data", paste0(moments, ".csv")), row.names = 1))
    if ("mean" %in% rownames(table)) args$sample.mean <- table["mean", ]
    args$sample.cov <- table[rownames(table) != "mean", ]
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
  residuals <- residual_rows(fit)
  if (!is.null(residuals)) out$residuals <- residuals
  write_json(out, file.path("expected", paste0(name, ".json")), auto_unbox = TRUE, digits = 12, dataframe = "rows", na = "null", null = "null", pretty = TRUE)
  cat(sprintf("%-28s chisq %.4f df %d\n", name, measures$chisq, measures$df))
}
