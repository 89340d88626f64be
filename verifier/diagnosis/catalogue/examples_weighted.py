"""The examples do not count alike."""

from verifier.diagnosis.catalogue.bug import Bug, BugTexts
from verifier.diagnosis.catalogue.rules.example_weights import weighted_examples, weighted_examples_of_bias
from verifier.diagnosis.catalogue.rules.output_delta import weighted_output_delta

BUG = Bug(
    "examples-weighted",
    "weight_gradient",
    BugTexts(
        title="The examples do not count alike",
        right="∂R/∂W_l = Σₙ z_{l−1,n}ᵀ δ_{l,n}",
        wrong="(∂R/∂W_l)′ = Σₙ cₙ z_{l−1,n}ᵀ δ_{l,n}, with cₙ not all alike",
        explanation=(
            "In {place} the examples of the batch do not count alike: the submitted gradient "
            "is a sum in which the N = {examples} examples have the weights {weights}. A weight of 0 is "
            "an example that was left out."
        ),
        for_students=(
            "In {place} the examples of the batch do not count alike. Every one of the N = {examples} "
            "examples has to, and none may be left out."
        ),
        hint=(
            "Does every example of the batch enter the gradient of {place}, and every one as often as "
            "the others?"
        ),
        looks_like=(
            "Weights and biases are wrong in the same layers, mostly in all, and the ratio differs from "
            "entry to entry. The gradient of a single example is right. With N = 1 it cannot be seen, "
            "or looks like a constant factor."
        ),
        why=(
            "A loop over the batch stops one too early, or writes `dW = …` in place of `dW += …` so "
            "that only the last example is kept, or shuffling draws examples twice."
        ),
        see=(
            "Compute the gradient example by example and add up; compare with that of the batch. Count "
            "how often each index is visited."
        ),
        fix=(
            "`dW = z_below.T @ delta` over the whole batch, or `dW += np.outer(z_below[n], delta[n])` "
            "for every n."
        ),
        seen_in=("RAE#67", "convnetjs#17"),
    ),
    replaces={
        "weight_gradient": weighted_examples,
        "bias_gradient": weighted_examples_of_bias,
        "output_delta": weighted_output_delta,
    },
)
