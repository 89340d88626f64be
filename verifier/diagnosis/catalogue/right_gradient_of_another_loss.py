"""The right gradient of another loss."""

from verifier.diagnosis.catalogue.bug import Bug, BugTexts
from verifier.diagnosis.catalogue.rules.output_delta import right_gradient_of_another_loss
from verifier.diagnosis.catalogue.rules.penalties import penalty_undeclared

BUG = Bug(
    "right-gradient-of-another-loss",
    "loss",
    BugTexts(
        title="The right gradient of another loss",
        right="δ_L = ∂R/∂z_L ∘ g′(a_L), with R the declared loss",
        wrong="δ_L′ = ∂R′/∂a_L, with R′ another loss",
        explanation=(
            "The backward pass is right, but it differentiates a loss other than the declared one. The "
            "numbers are exactly the gradient of {alternative}."
        ),
        for_students="The backward pass is right, but it differentiates a loss other than the declared one.",
        hint=(
            "Which loss does the first line of your backward pass belong to, and is it the one that was "
            "declared?"
        ),
        looks_like=(
            "All layers are wrong, though every layer fits the one above it: only the output delta "
            "differs. Under another loss the whole gradient agrees to the last digits."
        ),
        why=(
            "`delta = f - y` is remembered as the output delta of every network. It belongs to the "
            "cross entropy with softmax or sigmoid and to half the squared error with a linear output, "
            "not to a squared error after a sigmoid."
        ),
        see=(
            "Print the loss that your code minimises for one example and compare it with the declared "
            "one by hand. Then differentiate the loss numerically by the network's output and compare "
            "it with your first line."
        ),
        fix=(
            "Derive the output delta from the declared loss, for half the squared error after a sigmoid "
            "for example `delta = (f - y) * f * (1 - f)`."
        ),
    ),
    replaces={"output_delta": right_gradient_of_another_loss},
    penalties=penalty_undeclared,
    in_whole_network=True,
)
