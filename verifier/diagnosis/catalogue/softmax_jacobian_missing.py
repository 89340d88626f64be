"""Softmax is not differentiated at all."""

from verifier.diagnosis.catalogue.bug import Bug, BugTexts
from verifier.diagnosis.catalogue.rules.output_delta import softmax_jacobian_missing

BUG = Bug(
    "softmax-jacobian-missing",
    "output_delta",
    BugTexts(
        title="Softmax is not differentiated at all",
        right="δ_L = p ∘ (u − Σₖ uₖ pₖ)",
        wrong="δ_L′ = u",
        explanation=(
            "The derivative of the loss by the probabilities p was used as δ of {place}. The step from "
            "p to the pre-activations, the Jacobian of softmax, is missing."
        ),
        hint=(
            "By which variable is your first expression the derivative, by the probabilities or by the "
            "sums a of {place}?"
        ),
        looks_like=(
            "The output layer is wrong and all below inherit it. Under cross entropy δ is −1/p at the "
            "target and 0 elsewhere, so it becomes huge where the network is wrong. δ does not sum to 0 "
            "over the outputs."
        ),
        why=(
            "The loss and softmax were written as two functions, and the backward pass of the second "
            "was forgotten, or `-y / p` was taken for the well known `p - y`."
        ),
        see=(
            "Print δ of one example under cross entropy: it must lie between −1 and 1 and sum to 0. "
            "Here it has one entry below −1 and nothing else."
        ),
        fix=("`delta = p * (u - (u * p).sum(axis=1, keepdims=True))`, which for cross entropy is `p - y`."),
    ),
    replaces={"output_delta": softmax_jacobian_missing},
)
