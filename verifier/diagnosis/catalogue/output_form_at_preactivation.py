"""The output form, used with the pre-activation."""

from verifier.diagnosis.catalogue.bug import Bug, BugTexts
from verifier.diagnosis.catalogue.rules.hidden_delta import output_form_at_preactivation
from verifier.diagnosis.catalogue.rules.output_delta import output_form_at_output

BUG = Bug(
    "output-form-at-preactivation",
    "hidden_delta",
    BugTexts(
        title="The output form, used with the pre-activation",
        right="sigmoid: g′(a) = z(1 − z), tanh: g′(a) = 1 − z², with z = g(a)",
        wrong="sigmoid: g′ replaced by a(1 − a), tanh: by 1 − a²",
        explanation=(
            "In {place} the derivative was computed with the short formula that takes the activation z, "
            "such as z(1 − z) or 1 − z². It was given the pre-activation a."
        ),
        hint=(
            "Which of the two, a or z, does your formula of the derivative belong to, and which one is "
            "put into it in {place}?"
        ),
        looks_like=(
            "The layers above are right, this one is wrong and those below inherit it. Signs are wrong "
            "where a is large, for tanh at abs a > 1, and entries grow like a². For tanh near a = 0 it "
            "can hardly be seen."
        ),
        why=(
            "`def sigmoid_derivative(x): return x * (1 - x)` is common in tutorials, where x is the "
            "output. It says nothing about that, so it gets called with the sum."
        ),
        see=(
            "Print the smallest value of the derivative: that of sigmoid and tanh is never negative. "
            "Take a = 3: sigmoid gives 0.045, and this code gives −6."
        ),
        fix="`z * (1 - z)` and `1 - z**2` with `z = g(a)`.",
        seen_in=("interviews.ai#15",),
    ),
    replaces={"hidden_delta": output_form_at_preactivation, "output_delta": output_form_at_output},
)
