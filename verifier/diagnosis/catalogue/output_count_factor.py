"""Mean over outputs on one side only."""

from verifier.diagnosis.catalogue.bug import Bug, BugTexts
from verifier.diagnosis.catalogue.rules.loss_factors import outputs

BUG = Bug(
    "output-count-factor",
    "loss",
    BugTexts(
        title="Mean over outputs on one side only",
        right="R = (1/C) Σₖ Rₖ gives ∂R/∂fₖ = (1/C) ∂Rₖ/∂fₖ, and R = Σₖ Rₖ gives ∂R/∂fₖ = ∂Rₖ/∂fₖ",
        wrong="(∂R/∂W_l)′ = C · ∂R/∂W_l, or ∂R/∂W_l / C",
        explanation=(
            "The submitted gradient is {factor} times the right one. The network has C = "
            "{outputs} outputs, and loss and gradient disagree on whether they are summed or averaged."
        ),
        for_students=(
            "The network has C = {outputs} outputs, and loss and gradient disagree on whether they are "
            "summed or averaged."
        ),
        hint=(
            "The loss and its gradient both put the outputs of one example together: do they do it in "
            "the same way?"
        ),
        looks_like=(
            "Every parameter is off by the same factor, C or 1/C, and the cosine is 1. With C = 1 it "
            "cannot be seen. With C = N, or C = 2, other readings give the same numbers."
        ),
        why=(
            "`np.mean((f - y) ** 2)` averages over examples and over outputs at once, while the "
            "gradient is written as `(f - y) / len(x)`. Only one of the two counts the outputs."
        ),
        see=(
            "Take the same network with one output: the error is gone. With C outputs compare "
            "`np.mean(error)` and `np.sum(error) / len(x)`; they differ by C."
        ),
        fix=(
            "For a mean over all entries divide by all entries: `delta = (f - y) / f.size`, and by "
            "`len(f)` where outputs are summed, times the loss's own factor."
        ),
        seen_in=("scikit-learn#8349 (MLPRegressor, still so in 1.9.1)", "simd_neuralnet#1"),
    ),
    factors=outputs,
)
