"""The bias gradient of another layer."""

from verifier.diagnosis.catalogue.bug import Bug, BugTexts
from verifier.diagnosis.catalogue.rules.products import bias_of_another_layer

BUG = Bug(
    "bias-of-another-layer",
    "bias_gradient",
    BugTexts(
        title="The bias gradient of another layer",
        right="∂R/∂b_l = Σₙ δ_{l,n}",
        wrong="(∂R/∂b_l)′ = Σₙ δ_{k,n}, with k ≠ l",
        explanation=(
            "The submitted bias gradient for {place} is that of {other}. It has to be made "
            "from the layer's own δ."
        ),
        for_students=(
            "The submitted bias gradient for {place} is that of another layer. It has to be made "
            "from the layer's own δ."
        ),
        hint="Whose δ is summed for the biases of {place}?",
        looks_like=(
            "All weight gradients are right, and one bias gradient is exactly what another layer should "
            "have. It can only happen where two layers have the same width."
        ),
        why=(
            "A line was copied and one name not changed, `db1 = delta2.sum(axis=0)`, or the sum comes "
            "after δ has already been taken to the next layer."
        ),
        see="Give every layer a width of its own; `assert db.shape == b.shape` then fails.",
        fix=(
            "Take `dW` and `db` in adjacent lines from the same `delta`: `dW, db = z_below.T @ delta, "
            "delta.sum(axis=0)`."
        ),
    ),
    replaces={"bias_gradient": bias_of_another_layer},
)
