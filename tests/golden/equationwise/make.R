# One equation, one family: what R answers. Run in this folder: Rscript make.R
suppressMessages({library(MASS); library(lme4); library(jsonlite)})
d <- read.csv("input.csv")
tight <- glm.control(epsilon = 1e-14, maxit = 100)
rows <- function(name, est, se, logl, extra = list()) list(name = name, est = as.list(est), se = as.list(setNames(se, names(est))), logl = as.numeric(logl), extra = extra)
of_glm <- function(name, formula, family) {
  f <- glm(formula, family, d, control = tight)
  rows(name, coef(f), sqrt(diag(vcov(f))), logLik(f))
}
# Standard errors from the observed information, by differentiating the exact gradient: glm() and glm.nb() use the expected
# one, which differs for links that are not canonical, and glm.nb() takes the dispersion as known.
observed <- function(theta, loglik) {
  scale <- abs(theta)
  H <- optimHess(theta, function(t) -loglik(t), control = list(parscale = scale, ndeps = rep(1e-4, length(theta))))
  sqrt(diag(solve(H)))
}
Z <- cbind(1, d$m - mean(d$m), d$age - mean(d$age)) # centred: a well-conditioned derivative; slopes do not change
centred <- function(theta) c(theta[1] + theta[2] * mean(d$m) + theta[3] * mean(d$age), theta[-1])
of_probit <- function() {
  f <- glm(yes ~ m + age, binomial("probit"), d, control = tight)
  se <- observed(centred(coef(f)), function(t) sum(pnorm((2 * d$yes - 1) * (Z %*% t), log.p = TRUE)))
  rows("probit", coef(f), c(NA, se[2:3]), logLik(f))
}
of_polr <- function(name, method) {
  d$grade <- factor(d$grade)
  d$m1 <- scale(d$m); d$age1 <- scale(d$age) # a well-scaled search; carried back below
  f <- polr(grade ~ m1 + age1, d, method = method, Hess = TRUE, control = list(reltol = 1e-15, maxit = 1000))
  k <- length(f$zeta); theta <- c(coef(f), f$zeta)
  s <- c(sd(d$m), sd(d$age)); centre <- c(mean(d$m), mean(d$age))
  T <- diag(2 + k); T[1, 1] <- 1 / s[1]; T[2, 2] <- 1 / s[2]
  for (j in 1:k) T[2 + j, 1:2] <- centre / s
  est <- as.numeric(T %*% theta); V <- T %*% vcov(f) %*% t(T)
  names(est) <- c("m", "age", paste0("t", 1:k)); se <- sqrt(diag(V)); names(se) <- names(est)
  rows(name, est, se, logLik(f))
}
nb <- glm.nb(count ~ m + age, d, control = glm.control(epsilon = 1e-14, maxit = 200))
nb_se <- observed(c(centred(coef(nb)), 1 / nb$theta), function(t) sum(dnbinom(d$count, size = 1 / t[4], mu = exp(Z %*% t[1:3]), log = TRUE)))
mixed <- lmer(score ~ m + age + (1 | site), d, REML = FALSE, control = lmerControl(optCtrl = list(rel.tol = 1e-14)))
# coefficients are orthogonal to variances, so that their errors need only vcov()
v <- as.data.frame(VarCorr(mixed))
out <- list(
  R = R.version.string, MASS = as.character(packageVersion("MASS")), lme4 = as.character(packageVersion("lme4")),
  equations = list(
    of_glm("logit", yes ~ m + age, binomial("logit")),
    of_probit(),
    of_glm("poisson", count ~ m + age, poisson()),
    of_polr("ordered_logit", "logistic"),
    of_polr("ordered_probit", "probit"),
    rows("negative_binomial", coef(nb), c(NA, nb_se[2:3]), logLik(nb), list(dispersion = 1 / nb$theta, dispersion_std_error = nb_se[4])),
    rows("mixed", fixef(mixed), sqrt(diag(as.matrix(vcov(mixed)))), logLik(mixed),
         list(random_intercept_variance = v$vcov[1], residual = v$vcov[2]))
  )
)
write_json(out, "expected.json", auto_unbox = TRUE, digits = 12, pretty = TRUE, na = "null")
