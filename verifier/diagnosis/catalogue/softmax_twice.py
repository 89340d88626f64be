"""Softmax is applied twice."""

from verifier.diagnosis.catalogue.bug import Bug, BugTexts
from verifier.diagnosis.catalogue.rules.output_delta import softmax_twice

BUG = Bug(
    "softmax-twice",
    "output_delta",
    BugTexts(
        title="Softmax is applied twice",
        right="δ_L = p − y, p = softmax(a_L) (cross entropy, one example)",
        wrong="δ_L′ = softmax(p) − y",
        explanation=(
            "The δ of {place} was computed from the softmax of a softmax. The probabilities were put "
            "through softmax once more as if they were pre-activations."
        ),
        hint=(
            "Does the function that computes the first δ expect pre-activations or probabilities, and "
            "which of them does it get in {place}?"
        ),
        looks_like=(
            "The output layer is wrong and all below inherit it. δ still sums to 0, but it never gets "
            "small: softmax of probabilities is at most e/(e + C − 1), which is 0.23 for C = 10. "
            "Training is slow and the loss stays high."
        ),
        why=(
            "The network ends with softmax, and the loss function applies softmax itself because it is "
            "one on logits."
        ),
        see=(
            "Take an example with a_L = (20, 0) and the first class as target: δ must be nearly 0, and "
            "here it is near −0.27 and 0.27."
        ),
        fix=(
            "Give the loss the pre-activations if it applies softmax itself; otherwise `delta = p - y` "
            "with p used as it is."
        ),
        seen_in=("tflearn PR#562",),
    ),
    replaces={"output_delta": softmax_twice},
)
