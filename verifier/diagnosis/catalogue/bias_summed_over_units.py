"""One bias gradient for all units."""

from verifier.diagnosis.catalogue.bug import Bug, BugTexts
from verifier.diagnosis.catalogue.rules.products import bias_summed_over_units

BUG = Bug(
    "bias-summed-over-units",
    "bias_gradient",
    BugTexts(
        title="One bias gradient for all units",
        right="∂R/∂b_l = Σₙ δ_{l,n}",
        wrong="(∂R/∂b_l)′ = Σₙ Σⱼ δ_{l,n,j}, one number for every unit",
        explanation=(
            "The bias gradient of {place} is one and the same number for every unit. δ was summed over "
            "the units as well as over the examples, and each unit has a bias of its own."
        ),
        hint="How many biases does {place} have, and how many numbers does your sum leave?",
        looks_like=(
            "One bias gradient is wrong and its entries are all alike; all weight gradients are right. "
            "After softmax with cross entropy the number is 0. With one unit in the layer it cannot be "
            "seen."
        ),
        why=(
            "`db = np.sum(delta)` lacks its `axis`. Broadcasting then adds the one number to every bias "
            "without an error."
        ),
        see="Print `db.shape`: `()` or `(1, 1)` is wrong, and `assert db.shape == b.shape` catches it.",
        fix="`db = delta.sum(axis=0)`",
        seen_in=("Simple MNIST NN (11 copies)", "stat453#5"),
    ),
    replaces={"bias_gradient": bias_summed_over_units},
)
