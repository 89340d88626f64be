"""The output activation's derivative is taken twice."""

from verifier.diagnosis.catalogue.bug import Bug, BugTexts
from verifier.diagnosis.catalogue.rules.output_delta import extra_output_derivative

BUG = Bug(
    "extra-output-derivative",
    "output_delta",
    BugTexts(
        title="The output activation's derivative is taken twice",
        right="δ_L = f − y (cross entropy after softmax or sigmoid: g′ is already in it)",
        wrong="δ_L′ = (f − y) ∘ g′(a_L)",
        explanation=(
            "The output delta of {place} was multiplied by the derivative g′ of its activation. The "
            "expression that it was multiplied into had taken this derivative already."
        ),
        hint=(
            "By which variable is the first expression of your backward pass the derivative, and what "
            "is then still to be done in {place}?"
        ),
        looks_like=(
            "The output layer is wrong and all below inherit it. With a sigmoid every δ is at least "
            "four times too small and goes to 0 where it saturates, also when the answer is badly "
            "wrong. A linear output hides it."
        ),
        why=(
            "One function `backward` multiplies every layer by its g′, and the output is treated as any "
            "other layer although `p - y` is already the derivative by a."
        ),
        see=(
            "Take one example with an output near 0 and a target of 1 under cross entropy. The bias "
            "gradient of that output must be near −1; here it is near 0."
        ),
        fix="`delta = (p - y) / n` for cross entropy after softmax or sigmoid, without another factor.",
        seen_in=("nielsen PR#77",),
    ),
    replaces={"output_delta": extra_output_derivative},
)
