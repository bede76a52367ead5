# Reference values of the repeated-measures model:  Rscript make.R
# nlme::gls fits the unstructured covariance of the visits; lme4::lmer the random intercepts of person and site.
suppressMessages({library(nlme); library(lme4); library(jsonlite)})
d <- read.csv("input.csv")
d <- d[!is.na(d$y), ]
d$agec <- d$age - mean(d$age[!duplicated(d$id)])
for (v in 0:2) d[[paste0("v", v)]] <- as.numeric(d$visit == v)
for (a in 1:3) for (v in 1:2) d[[paste0("a", a, "v", v)]] <- as.numeric(d$arm == a & d$visit == v)
for (v in 0:2) d[[paste0("age", v)]] <- d$agec * (d$visit == v)
mean_terms <- c("v0", "v1", "v2", "a1v1", "a2v1", "a3v1", "a1v2", "a2v2", "a3v2")
age_terms <- c("age0", "age1", "age2")
d$time <- d$visit + 1
fit_gls <- function(terms, method) {
  fit <- gls(as.formula(paste("y ~ 0 +", paste(terms, collapse = " + "))), data = d, method = method,
             correlation = corSymm(form = ~ time | id), weights = varIdent(form = ~ 1 | visit),
             control = glsControl(maxIter = 500, msMaxIter = 500, tolerance = 1e-10, msTol = 1e-12, opt = "optim",
                                  optimMethod = "BFGS", msVerbose = FALSE))
  full <- which(table(d$id) == 3)[1]
  list(beta = unname(coef(fit)), std_error = unname(sqrt(diag(vcov(fit)))), logl = as.numeric(logLik(fit)),
       Sigma = unclass(getVarCov(fit, individual = names(full))))
}
fit_lmer <- function(method) {
  fit <- lmer(as.formula(paste("y ~ 0 +", paste(c(mean_terms, age_terms), collapse = " + "), "+ (1|id) + (1|site)")),
              data = d, REML = method == "REML",
              control = lmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-9, maxfun = 1e5)))
  list(beta = unname(fixef(fit)), std_error = unname(sqrt(diag(as.matrix(vcov(fit))))),
       variance = setNames(as.list(as.data.frame(VarCorr(fit))$vcov), as.data.frame(VarCorr(fit))$grp))
}
out <- list(versions = list(R = R.version.string, nlme = as.character(packageVersion("nlme")),
                            lme4 = as.character(packageVersion("lme4"))),
            gls_ml = fit_gls(mean_terms, "ML"), gls_reml = fit_gls(mean_terms, "REML"),
            gls_ml_age = fit_gls(c(mean_terms, age_terms), "ML"), lmer_reml = fit_lmer("REML"))
write_json(out, "expected.json", digits = 12, auto_unbox = TRUE, pretty = TRUE)
