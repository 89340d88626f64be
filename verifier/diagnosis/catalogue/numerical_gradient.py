"""Finite differences were submitted."""

from verifier.diagnosis.catalogue.bug import Bug, BugTexts

BUG = Bug(
    "numerical-gradient",
    "numbers",
    BugTexts(
        title="Finite differences were submitted",
        right="∂R/∂W_l = z_{l−1}ᵀ δ_l, by backpropagation",
        wrong="(∂R/∂w)′ ≈ (R(w + h) − R(w − h)) / 2h",
        explanation=(
            "A warning, no bug: the submitted numbers for {place} are right to the noise of a "
            "small step h. They look as if they had been computed from differences of the loss and not "
            "by backpropagation."
        ),
        hint=(
            "Was the gradient of {place} computed by your backward pass, or by the function that checks it?"
        ),
        looks_like=(
            "The ratio is 1 to between five and ten digits, and the errors have no pattern. All entries "
            "are whole multiples of the loss's last digit over the step."
        ),
        why=(
            "The gradient checker's numerical gradient was returned or saved in place of the analytic "
            "one; both are arrays of the same shapes."
        ),
        see="Change h in your checker by a factor of 10: what was submitted must not change.",
        fix="Hand in what the backward pass returns, and keep the numerical gradient for comparison.",
    ),
)
