"""Costs, limits and tolerances of the search for bugs, each with its reason.

A cost is a description length in units of one new bug: the cheapest explanation has the fewest mistakes.
A tolerance in "roundings" is a multiple of the rounding error of the numbers that are compared.
"""

# Costs of an explanation.
COST_NEW_BUG = 1.0
COST_REPEATED_BUG = 0.1  # the same bug in one more layer is the same line of code
COST_ESTIMATED_NUMBER = 0.1  # a number estimated from the submission makes a fit easier
COST_PER_RANK = 0.001  # decides between equal fits in the order of the table `BUGS`
COST_UNEXPLAINED = 6.0  # several bugs are more plausible than an unknown one
COST_SECOND_WRONG_PRODUCT = 2.0  # two wrong products are less likely than one wrong δ
COST_REPEATED_UNEXPLAINED = 1.0  # the same wrong product in one more layer is the same line of code
COST_RIGHT_BIAS = 3.0  # a wrong δ that is not recovered hardly has the right sum over the examples
COST_UNKNOWN_DELTA = 1.5  # without δ the layers below cannot be checked
COST_UNJUDGED_LAYER = 0.75  # nothing can be checked in a layer below an unknown δ
COST_RECOVERED_DELTA = 0.2  # more equations than unknowns confirm the recovered δ
COST_UNTESTED_DELTA = 0.5  # as many equations as unknowns: any gradient gives some δ

# Beam search from the output to the input.
BEAM_WIDTH = 8  # explanations kept after each layer
BEAM_WIDTH_UNSEEN = 12  # more are kept where no gradient of the layer can rank them
BEAM_MARGIN = 2.5  # cost above the cheapest up to which an explanation is kept
STOP_COST = 1.9  # one bug with its estimates: other penalties are not tried
STOP_COST_WITH_PENALTIES = 1.05  # one bug without estimates: penalties that exist are likelier wrong

# Work, in numbers that are computed.
TRIAL_WORK = 100_000.0  # fixed overhead of one candidate
WORK_TRIALS = 12_000.0  # trials allowed in every search
WORK_TRIALS_PER_LAYER = 500.0  # deeper networks have more candidates
WORK_PER_NUMBER = 1000.0  # per number of one pass over the network; judging costs far more for each
WORK_PER_EXAMPLE_CUBED = 1.0  # eigenvalues of the Gram matrix of the examples
MAX_GRAM_EXAMPLES = 1024  # no Gram matrix is computed for larger batches

# Agreement of a candidate with a submitted gradient.
ROUNDING_SLACK = 3.0  # a wrong formula rounds differently from the right one, whose rounding is estimated
MAX_RESIDUAL_UNITS = 64.0  # largest relative residual of a fit, in unit roundoffs
SAME_GRADIENT_ROUNDINGS = 2.0  # closer gradients cannot be distinguished
CANCELLATION_FRACTION = 0.1  # of a row's root mean square: a small δ was rounded like the rest of its row
MIN_EVIDENCE_BITS = 10.0  # agreement beyond what chance gives among all candidates
ZERO_BITS = 52.0  # that a 0 holds where the right number is not 0
RULES_PER_GRADIENT = 64  # candidates for one gradient, with all forms and factors
DEFAULT_RELATIVE_ROUNDING = 2.0**-50  # where no gradient has a rounding error to take it from
MAX_SAMPLED_INPUTS = 32  # inputs on which a candidate is tried before the whole gradient is computed
MIN_SAMPLED_ENTRIES = 2048  # a smaller gradient is computed as fast as a sample of it
SENSITIVITY_QUANTILE = 0.9  # a few very sensitive entries of δ must not widen all tolerances
MAX_CONDITION = 1e7  # of a layer's inputs: beyond, half of the digits of a recovered δ are lost

# Equality of estimates.
BALANCED_RTOL = 1e-6  # of its size: the sum of a δ of softmax over the outputs is 0
SAME_STATE_RTOL = 1e-9  # of the largest entry: states this close have the same layers below
SAME_DELTA_ROUNDINGS = 6.0  # closer δ cannot be distinguished
SAME_FACTOR_ROUNDINGS = 100.0  # a factor of the penalties and one of the loss are estimated separately
NAMED_FACTOR_ERRORS = 8.0  # in standard errors of the factor: distance to a named one such as N or 2
NAMED_FACTOR_RTOL = 1e-12  # least tolerance of the same comparison, for exact fits
MAX_FACTOR_ERROR = 4.0  # relative error above which a factor agrees with any name
SAME_STRENGTH_RTOL = 1e-6  # two estimates of one penalty's strength
MAX_STRENGTH = 1e6  # a larger factor or strength is unlikely in a program
SAME_SCALE_RTOL = 1e-12  # two fitted factors of one layer

# Noise of the submitted numbers. Formats with fewer bits stand for it.
NEARLY_RIGHT = 5e-3  # of 1: a factor or a weight of an example this close is noise if noise explains it
NOISE_STEP_BITS = 6  # between two levels of noise that are tried
MIN_NOISE_NUMBERS = 4  # fewer numbers are near those of some mistake by chance
MIN_NOISE_BITS = 10  # of the coarsest format: a gradient right to a thousandth is not a mistake's by chance
MAX_NOISE_RATIO = 100.0  # noise over that of the parameter that agrees best with the right gradient
RIGHT_NOISE = 2.0**-17  # smaller noise that makes all numbers right hides no mistake of consequence
MAX_GRID_BITS = 24  # numbers that are larger multiples of a step tell as much as any
UPDATE_MULTIPLE_TOLERANCE = 0.05  # distance of a weight difference from a multiple of its last digit
MIN_UPDATE_NUMBERS = 8  # numbers that must be such multiples: one in ten is by chance
MANY_UPDATE_NUMBERS = 16  # so many are enough if most others are too large to tell
EPSILON_MAX_LEFT = 0.2  # of the errors that an epsilon may leave
EPSILONS = tuple(m * 10.0**-k for k in range(4, 17) for m in (1, 3))  # where the search for an epsilon starts
EPSILON_STEP = 1e-4  # relative change of epsilon for the slope of a gradient
EPSILON_STEPS = 8  # of Newton's method from there
BITS_OF_BUG = 12.0  # to tell which mistake it is, and where
SHORT_NUMBER_RTOL = 1e-9  # of a number that a person would write with two digits
BITS_OF_NUMBER = 53.0  # to tell an estimated number

# Rounding in print, lower precision, clipping.
SHORTER_BITS = 3  # significand bits removed to check that numbers use the full length of a format
MIN_FULL_LENGTH_SHARE = 0.5  # of the numbers that must need these bits
CLIP_NORM_DIGITS = 2  # significant digits of a threshold that a person would write
MAX_CLIP_NORM_ERROR = 2e-5  # relative: a less accurate norm is near some round number by chance
MAX_UNSCALED_EXPONENT = 200  # squares of gradients within 2**±200 stay in range
