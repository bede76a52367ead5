"""Tolerances of the tests, each with its reason. A looser one needs a sentence."""

# Closed forms: only rounding separates two ways of computing the same number.
CLOSED_FORM = 1e-10

# lavaan's polychoric correlations come from an optimiser that stops near 1e-7; ours solve the score to rounding.
POLYCHORIC = 5e-7
# Their asymptotic covariance matrix, in units of the two standard deviations: the same stop, once differentiated.
POLYCHORIC_GAMMA = 5e-6

# A correlation or a standardised mean of n people against its population: six standard errors, at most 1/sqrt(n) each
# (several thousand are compared at once, with a fixed seed).
SAMPLING_ERRORS = 6.0

# Bootstrap limits against another program's: Monte Carlo standard errors of the difference. Four, because dozens of
# limits are compared at once.
BOOTSTRAP_LIMIT = 4.0

# Single precision in the product of features and weights: a rounding of 1e-7 of each sum, which dividing by a residual
# variance may magnify a hundredfold, beside a Monte Carlo error of some hundredths of a standard error.
SINGLE_PRECISION_LIMIT = 1e-3

# nlme::gls stops its optimiser near 1e-6 of a standard error; fixed effects and covariances agree to this (absolute for
# means of about 20 points, relative for covariances and standard errors).
GLS_ESTIMATE = 1e-4
# The log-likelihood is flat there: second order in the same distance.
GLS_LOGL = 1e-5

# A draw by batched EM against the engine's search, in standard errors: EM stops once its step is 5e-4 of one.
FIML_DRAW = 1e-3

# A share over simulated cohorts against its nominal value: four binomial standard errors of the number of runs.
RECOVERY_ERRORS = 4.0
# A searched draw against the engine's own search, in standard errors: both stop at a small step.
SEARCHED_DRAW = 2e-3

# lavaan's optimiser stops early and R's families iterate: free coefficients agree to 0.2 % of a standard error ...
GOLDEN_ESTIMATE = 0.002
# ... and standard errors to 0.2 % of themselves.
GOLDEN_STD_ERROR = 0.002
# Test statistics and log-likelihoods, and indices, agree to the third decimal, as papers print them.
GOLDEN_STATISTIC = 1e-3
GOLDEN_INDEX = 1e-3
# Fixed parameters, sample moments and constraint-bound values have no error of their own: relative to their size.
GOLDEN_FIXED = 2e-6
# A standardised value inherits the early stop of the raw one.
GOLDEN_STANDARDISED = 2e-4
# Log-likelihoods and baselines of thousands are printed with as many digits as small ones: a part in a million.
GOLDEN_LARGE = 2e-6
# Modification indices: lavaan multiplies those of least squares by (n - 1) / n once more than its statistic.
GOLDEN_MODIFICATION = 5e-3

# Models of visits against lavaan: its FIML search stops near 1e-3 of a standard error (estimates and standard errors).
LAGGED_ESTIMATE = 2e-3
# Chi-square is flat at the optimum: second order in the same distance, times the number of people.
LAGGED_CHISQ = 5e-3
# lme4 and statsmodels both stop early in the variances; their relative error, and that of standard errors.
MIXED_ERROR = 2e-3
# The engine's Newton search and the EM of the repeated-measures model meet to this share of a standard error; their
# standard errors are both from the observed information.
ENGINE_ESTIMATE = 1e-5

# Derivatives against central differences with a step of 1e-6: their own error is about the square root of rounding.
FINITE_DIFFERENCE = 1e-6
# Iterated maximum likelihood against a closed form or another route to the same optimum: the last step is quadratic.
OPTIMUM = 1e-7
# EM of the repeated-measures model stops at 1e-10 of a standard deviation; what is left of beta and Sigma is below this
# (in the unit of the data, standard deviations near 8).
ITERATION = 1e-6

# A residual this small in standard errors of its moment is what an optimiser left: its ratio to another small number
# means nothing.
RESIDUAL_OF_NOTHING = 1e-2
