"""The derivative of another function."""

from verifier.diagnosis.catalogue.bug import Bug, BugTexts
from verifier.diagnosis.catalogue.rules.hidden_delta import wrong_activation_derivative
from verifier.diagnosis.catalogue.rules.output_delta import wrong_output_derivative

BUG = Bug(
    "wrong-activation-derivative",
    "hidden_delta",
    BugTexts(
        title="The derivative of another function",
        right="δ_l = (δ_{l+1} W_{l+1}ᵀ) ∘ g′(a_l)",
        wrong="δ_l′ = (δ_{l+1} W_{l+1}ᵀ) ∘ h(a_l), with h ≠ g′",
        explanation=(
            "The derivative of the activation is wrong in {place}: your numbers fit {used}, but {derivative}."
        ),
        for_students=("The derivative of the activation is wrong in {place}."),
        hint=("Write down the activation of {place} and differentiate it. Does your code multiply by that?"),
        looks_like=(
            "The layers above are right, this one is wrong and those below inherit it. The ratio "
            "differs from unit to unit and follows the activation. A derivative with a wrong sign turns "
            "some or all entries round."
        ),
        why=(
            "The activation was changed from sigmoid to tanh and the derivative was not. Or a sign "
            "slipped in 1 − z²."
        ),
        see=(
            "Compare the derivative with `(g(a + h) - g(a - h)) / (2 * h)` for a = −2, −0.5, 0.5 and 2; "
            "this takes four lines and needs no network."
        ),
        fix=(
            "Keep activation and derivative together: sigmoid `z * (1 - z)`, tanh `1 - z**2`, relu `a > 0`."
        ),
        seen_in=("ttezel/nn#8", "knossos#505"),
    ),
    replaces={"hidden_delta": wrong_activation_derivative, "output_delta": wrong_output_derivative},
)
