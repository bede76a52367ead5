# Bootstrap limits of a serial effect by least squares, in base R: what our draws are held against.
#
# Ordinary, stratified (site) and cluster (family) resampling; percentile, bias-corrected and accelerated limits from
# 10,000 draws. Quantiles are order statistics at (B + 1) p, interpolated (type 6).
library(jsonlite)

DRAWS <- 10000
people <- as.matrix(read.csv("people.csv"))

effects <- function(d) {
  one <- rep(1, nrow(d))
  first <- .lm.fit(cbind(one, d[, "x"], d[, "age"]), d[, "m1"])$coefficients
  second <- .lm.fit(cbind(one, d[, "m1"], d[, "x"], d[, "age"]), d[, "m2"])$coefficients
  third <- .lm.fit(cbind(one, d[, "m2"], d[, "m1"], d[, "x"], d[, "age"]), d[, "y"])$coefficients
  a <- first[2]; b <- second[2]; h <- second[3]; c <- third[2]; g <- third[3]; e <- third[4]
  chain <- a * b * c
  total <- chain + a * g + h * c + e
  # y's and x's standard deviations in the draw: every forward arrow is in the model, so its own are the sample's
  c("m1~x" = a, "m2~m1" = b, "y~m2" = c, "y~x" = e, chain = chain, "total:x->y" = total,
    difference = chain - a * g, ratio = chain / total, "std:chain" = chain * sd(d[, "x"]) / sd(d[, "y"]))
}

ordinary <- function() sample.int(nrow(people), replace = TRUE)
stratified <- function() unlist(lapply(split(seq_len(nrow(people)), people[, "site"]), function(rows)
  rows[sample.int(length(rows), replace = TRUE)]))
families <- split(seq_len(nrow(people)), people[, "family"])
cluster <- function() unlist(families[sample.int(length(families), replace = TRUE)])

resample <- function(rows, seed) {
  set.seed(seed, kind = "Mersenne-Twister", normal.kind = "Inversion", sample.kind = "Rejection")
  t(vapply(seq_len(DRAWS), function(i) effects(people[rows(), ]), numeric(9)))
}

limits <- function(draws, estimate, acceleration = 0, corrected = TRUE) {
  t(vapply(seq_along(estimate), function(k) {
    z0 <- if (corrected) qnorm(mean(draws[, k] < estimate[k])) else 0
    a <- if (length(acceleration) > 1) acceleration[k] else acceleration
    score <- z0 + qnorm(c(.025, .975))
    quantile(draws[, k], pnorm(z0 + score / (1 - a * score)), type = 6, names = FALSE)
  }, numeric(2)))
}

estimate <- effects(people)
left_out <- t(vapply(seq_len(nrow(people)), function(i) effects(people[-i, ]), numeric(9)))
influence <- sweep(-left_out, 2, -colMeans(left_out))
acceleration <- colSums(influence^3) / (6 * colSums(influence^2)^1.5)

answer <- list(draws = DRAWS, r = R.version.string, names = names(estimate), estimate = unname(estimate))
rows <- list(multinomial = ordinary, stratified = stratified, cluster = cluster)
for (scheme in names(rows)) {
  draws <- resample(rows[[scheme]], match(scheme, names(rows)))
  answer[[scheme]] <- list(
    std_error = unname(apply(draws, 2, sd)),
    percentile = limits(draws, estimate, corrected = FALSE),
    bc = limits(draws, estimate)
  )
  if (scheme == "multinomial") answer[[scheme]]$bca <- limits(draws, estimate, acceleration)
}
answer$acceleration <- unname(acceleration)
write_json(answer, "expected.json", auto_unbox = TRUE, digits = 10, pretty = TRUE)
