"""A gradient is overwritten, not added up."""

from verifier.diagnosis.catalogue.bug import Bug, BugTexts, LocalRule
from verifier.diagnosis.catalogue.rules.hidden_delta import last_path_only
from verifier.diagnosis.catalogue.rules.output_delta import last_example_of_output
from verifier.diagnosis.catalogue.rules.products import last_example_of_bias, last_example_of_weight
from verifier.diagnosis.catalogue.rules.uses import one_use_alone

BUG = Bug(
    "assigned-not-accumulated",
    "weight_gradient",
    BugTexts(
        title="A gradient is overwritten, not added up",
        right="∂R/∂v = Σₖ ∂R/∂vₖ, over all places k where v is used",
        wrong="(∂R/∂v)′ = ∂R/∂v_K, of the last place only",
        explanation=(
            "In {place} a quantity acts on the loss along several paths, and their contributions have "
            "to be added. Only the last one was kept, since each overwrote the one before."
        ),
        hint=(
            "How many paths lead from {place} to the loss, and what does your code do when the second "
            "one arrives?"
        ),
        looks_like=(
            "The layer is wrong and those below inherit it, with entries that are some terms short of "
            "the sum. Networks with a single path, such as one unit a layer and one example, hide it."
        ),
        why=(
            "In a computation graph `self.grad = upstream` was written in place of `self.grad += "
            "upstream`. Every test in which each value is used once passes."
        ),
        see="Let a graph compute `y = v + v`: the gradient of v must be 2, and here it is 1.",
        fix="`v.grad += contribution`, with all gradients set to 0 before the pass.",
        seen_in=("nn-zero-to-hero#52",),
    ),
    replaces={
        "weight_gradient": last_example_of_weight,
        "bias_gradient": last_example_of_bias,
        "hidden_delta": last_path_only,
        "output_delta": last_example_of_output,
    },
    local_rule=LocalRule(
        candidates=one_use_alone,
        right="v̄ ← v̄ + ū · ∂u/∂v",
        wrong="v̄ ← ū · ∂u/∂v",
        explanation=(
            "The gradient of {place} is what comes back through {use} alone: it was assigned, not added."
        ),
        aliases=("assigned-for-accumulated",),
    ),
)
