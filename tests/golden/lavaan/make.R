# Goldens from lavaan for models beyond the reference folder. Run in this folder: Rscript make.R
source("lib.R")
dir.create("expected", showWarnings = FALSE)
dir.create("differences", showWarnings = FALSE)

chain <- "
m1 ~ a*x + age + sex
m2 ~ b*m1 + age + sex
y ~ c*m2 + d*x + age + sex
ind := a*b*c
total := d + ind
"
paths <- "m1 ~ x + age + sex\nm2 ~ m1 + age + sex\ny ~ m2 + x + age + sex"

# --- full-information likelihood -------------------------------------------------------------------------------------
golden("fiml_groups", paths, "serial_holes", group = "group", missing = "fiml", fixed.x = FALSE)
golden("fiml_groups_regressions", paths, "serial_holes", group = "group", missing = "fiml", fixed.x = FALSE,
  group.equal = "regressions")
golden("fiml_fixed_covariates", chain, "serial_holes_outcomes", missing = "fiml")
golden("fiml_mlr_groups", chain, "serial_holes", group = "group", missing = "fiml", fixed.x = FALSE, estimator = "MLR")
golden("fiml_mlr_fixed_covariates", chain, "serial_holes_outcomes", missing = "fiml", estimator = "MLR")
golden("fiml_latent", "
level =~ 1*t0 + 1*t1 + 1*t2 + 1*t3
level ~ w
", "growth_holes", missing = "fiml")

# --- growth ----------------------------------------------------------------------------------------------------------
line <- "
level =~ 1*t0 + 1*t1 + 1*t2 + 1*t3
slope =~ 0*t0 + 1*t1 + 2*t2 + 3*t3
level ~ w
slope ~ w
"
golden("growth_line", line, "growth", call = "growth")
golden("growth_fiml", line, "growth_holes", call = "growth", missing = "fiml")
golden("growth_groups", gsub("\\n(level|slope) ~ w", "", line), "growth", call = "growth", group = "arm")
golden("growth_basis", "
level =~ 1*t0 + 1*t1 + 1*t2 + 1*t3
slope =~ 0*t0 + 1*t1 + t2 + t3
t0 ~~ r*t0
t1 ~~ r*t1
t2 ~~ r*t2
t3 ~~ r*t3
", "growth", call = "growth", estimator = "MLR")

# --- loops and published moments --------------------------------------------------------------------------------------
peers <- "
amb1 ~ iq1 + ses1 + p12*amb2
amb2 ~ iq2 + ses2 + p21*amb1
amb1 ~~ amb2
"
golden("loop_correlations", peers, moments = "peers_correlations", n = 350, sample.cov.rescale = FALSE)
golden("loop_covariances", peers, moments = "peers_covariances", n = 350)
golden("loop_equal", gsub("p21", "p12", peers), moments = "peers_covariances", n = 350, fixed.x = FALSE)

golden("moments_with_means", gsub("p21", "p12", peers), moments = "peers_means", n = 350, meanstructure = TRUE)
golden("moments_intercept", "
amb1 ~ 0*1 + iq1 + ses1
amb2 ~ k*1 + iq2 + ses2
amb1 ~~ amb2
at_ten := k + 10
", moments = "peers_means", n = 350, fixed.x = FALSE)
golden("moments_growth", "
level =~ 1*t0 + 1*t1 + 1*t2 + 1*t3
slope =~ 0*t0 + 1*t1 + 2*t2 + 3*t3
", moments = "growth_means", n = 260, call = "growth")

# --- constraints, labels, starts, fixed values ------------------------------------------------------------------------
golden("constraint_equal", paste0(chain, "\na == b\n"), "serial")
golden("constraint_label", "
m1 ~ e*x + age
m2 ~ e*m1 + age
y ~ m2 + x + age
m1 ~~ v*m1
m2 ~~ v*m2
", "serial", meanstructure = TRUE)
golden("constraint_nonlinear", paste0(chain, "\nc == a + b^2 + 2\n"), "serial")
golden("constraint_product", paste0(chain, "\na*b == 0.2\n"), "serial", meanstructure = TRUE)
golden("constraint_inequality_slack", paste0(chain, "\nc > 1\na < 0.9\n"), "serial")
golden("start_and_fixed", "
m1 ~ start(0.4)*x + 0.01*age
m2 ~ start(0.3)*m1 + 0*x + sex
y ~ 2.8*m2 + start(1)*b*m1 + b*x
m1 ~~ start(0.9)*m1
y ~ 10*1
", "serial")
golden("saturated_covariances", "
m1 ~ x + age
m2 ~ x + age
y ~ x + age
m1 ~~ m2 + y
m2 ~~ y
", "serial", meanstructure = TRUE)
golden("observed_product", "
m1 ~ x + age
y ~ m1 + x + z + bx*x:z
at_low := bx*(-1)
", "serial")
golden("random_covariates", chain, "serial", fixed.x = FALSE, meanstructure = TRUE)

# --- robust and clustered ---------------------------------------------------------------------------------------------
golden("mlr_groups", chain, "serial", group = "group", estimator = "MLR")
golden("mlr_factors", "A =~ a1 + a2 + a3\nB =~ b1 + b2 + b3\nC =~ c1 + c2 + c3\nA ~ v\nB ~ A\nC ~ A + B", "factors", estimator = "MLR")
golden("cluster_chain", chain, "serial", cluster = "site")
golden("cluster_fiml", chain, "serial_holes", cluster = "site", missing = "fiml", fixed.x = FALSE)
golden("cluster_mlr", chain, "serial", cluster = "site", estimator = "MLR")
golden("cluster_mlr_fiml", chain, "serial_holes", cluster = "site", missing = "fiml", estimator = "MLR")

# --- latent variables -------------------------------------------------------------------------------------------------
three <- "A =~ a1 + a2 + a3\nB =~ b1 + b2 + b3\nC =~ c1 + c2 + c3\n"
golden("higher_order", paste0(three, "G =~ A + B + C\nG ~ v\n"), "factors")
golden("effect_coded", "
A =~ NA*a1 + l1*a1 + l2*a2 + l3*a3
B =~ NA*b1 + k1*b1 + k2*b2 + k3*b3
a1 ~ i1*1
a2 ~ i2*1
a3 ~ i3*1
b1 ~ j1*1
b2 ~ j2*1
b3 ~ j3*1
A ~ 1
B ~ A
l1 + l2 + l3 == 3
k1 + k2 + k3 == 3
i1 + i2 + i3 == 0
j1 + j2 + j3 == 0
B ~ 1
", "factors")
golden("unit_variance", "
A =~ NA*a1 + a2 + a3
B =~ NA*b1 + b2 + b3
A ~~ 1*A
B ~~ 1*B
A ~~ r*B
", "factors")
golden("product_indicators", "
A =~ a1 + a2
B =~ b1 + b2
AB =~ a1:b1 + a2:b2
C =~ c1 + c2 + c3
C ~ A + B + AB
", "factors")
for (equal in list("loadings", c("loadings", "intercepts"), c("loadings", "intercepts", "residuals"), c("loadings", "intercepts", "means"),
                   c("loadings", "lv.variances", "lv.covariances")))
  golden(paste0("groups_", paste(gsub("lv\\.", "", equal), collapse = "_")), three, "factors", group = "school", group.equal = equal)
golden("groups_scalar_mlr", three, "factors", group = "school", group.equal = c("loadings", "intercepts"), estimator = "MLR")
golden("groups_labels", "
m1 ~ c(p, p, q)*x + age
y ~ c(r, s, s)*m1 + age
gap := p - q
", "serial", group = "group")
golden("mimic_direct", paste0(three, "A ~ v\nB ~ v\nC ~ v\nb3 ~ v\na1 ~~ a2\n"), "factors", meanstructure = TRUE)

# --- ordered outcomes -------------------------------------------------------------------------------------------------
items <- "F =~ u1 + u2 + u3\nG =~ u4 + u5 + u6\n"
six <- paste0("u", 1:6)
golden("ordered_factors", items, "ordered", ordered = six, estimator = "WLSMV")
golden("ordered_factors_dwls", items, "ordered", ordered = six, estimator = "DWLS")
golden("ordered_regression", paste0(items, "G ~ F + x\nF ~ x + age\n"), "ordered", ordered = six, estimator = "WLSMV")
golden("ordered_binary", "F =~ b1 + b2 + b3\nF ~ x\ny ~ F + x + age\n", "ordered", ordered = c("b1", "b2", "b3"), estimator = "WLSMV")
golden("ordered_outcomes", "
m ~ a*x + age
o4 ~ b*m + x + age
o5 ~ c*m + x + age
ind := a*b
", "ordered", ordered = c("o4", "o5"), estimator = "WLSMV")
# Where an ordered variable is itself a cause, this lavaan's delta parameterisation leaves unit variance behind and does not
# converge; its theta parameterisation does. Test statistic and standardised solution do not depend on that choice.
theta <- "theta parameterisation: compare the test statistic and the standardised solution only"
golden("ordered_cause", "
m ~ a*x + age
o4 ~ b*m + x + age
y ~ o4 + x + age
", "ordered", ordered = "o4", estimator = "WLSMV", parameterization = "theta", note = theta)
golden("ordered_mediator", "
m ~ a*x + age
o4 ~ b*m + age
o5 ~ c*o4 + d*x + age
", "ordered", ordered = c("o4", "o5"), estimator = "WLSMV", parameterization = "theta", note = theta)
golden("ordered_last_dwls", "
m ~ a*x + age
y ~ b*m + age
o5 ~ c*y + x + age
", "ordered", ordered = "o5", estimator = "DWLS")
golden("ordered_random_covariates", "m ~ x\no4 ~ m + x\no5 ~ m\n", "ordered", ordered = c("o4", "o5"), estimator = "WLSMV", fixed.x = FALSE, conditional.x = FALSE)
golden("ordered_groups", items, "ordered", ordered = six, estimator = "WLSMV", group = "clinic")
golden("ordered_groups_equal", items, "ordered", ordered = six, estimator = "WLSMV", group = "clinic", group.equal = c("loadings", "thresholds"))
golden("ordered_groups_path", "
m ~ c(a, a)*x + age
o4 ~ b*m + x + age
", "ordered", ordered = "o4", estimator = "WLSMV", group = "clinic")

# --- tests of nested models -------------------------------------------------------------------------------------------
wider <- paste0(chain, "y ~ m1\nm2 ~ x\n")
difference("ml", chain, wider, "serial")
difference("mlr", chain, wider, "serial", estimator = "MLR")
difference("mlr_constraint", paste0(chain, "\na == b\n"), chain, "serial", estimator = "MLR")
difference("mlr_fiml", chain, wider, "serial_holes", estimator = "MLR", missing = "fiml", fixed.x = FALSE)
difference("mlr_groups", "m1 ~ c(p, p, p)*x + age\ny ~ m1 + age", "m1 ~ x + age\ny ~ m1 + age", "serial", estimator = "MLR", group = "group")
graded <- "m ~ x + age\no4 ~ m + x + age\no5 ~ m + x\n"
difference("wlsmv_one", "m ~ x + age\no4 ~ m + 0*x + age\no5 ~ m + x\n", graded, "ordered", estimator = "WLSMV", ordered = c("o4", "o5"))
difference("wlsmv_many", "m ~ x\no4 ~ m + 0*x + age\no5 ~ m + 0*x\n", graded, "ordered", estimator = "WLSMV", ordered = c("o4", "o5"))
difference("wlsmv_factors", paste0(items, "F ~~ 0*G\nF =~ u4\n"), paste0(items, "F =~ u4\n"), "ordered", estimator = "WLSMV", ordered = six)
difference("wlsmv_equal", "F =~ u1 + k*u2 + k*u3\nG =~ u4 + u5 + u6\n", items, "ordered", estimator = "WLSMV", ordered = six)
difference("wlsmv_groups", "m ~ c(a, a)*x + age\no4 ~ c(b, b)*m + x + age\n", "m ~ x + age\no4 ~ m + x + age\n", "ordered", estimator = "WLSMV",
  ordered = "o4", group = "clinic")
difference("dwls", "m ~ x + age\no4 ~ m + 0*x + age\no5 ~ m + x\n", graded, "ordered", estimator = "DWLS", ordered = c("o4", "o5"))
