"""Gradients are handed on before all uses have added to them."""

from verifier.diagnosis.catalogue.bug import LOCAL_RULE, Bug, BugTexts, LocalRule
from verifier.diagnosis.catalogue.rules.uses import partial_sums

BUG = Bug(
    "no-topological-order",
    LOCAL_RULE,
    BugTexts(
        title="A gradient is handed on before all uses have added to it",
        right="v̄ = ū · ∂u/∂v, with ū = Σ over all uses of u",
        wrong="v̄′ = ū′ · ∂u/∂v, with ū′ a sum over some of the uses of u, or over some of them twice",
        explanation=(
            "The gradient of {place} follows from a part of the gradient of {use}, or counts a part twice. "
            "The backward step of {use} ran before all nodes that use it had added to its gradient."
        ),
        hint="In which order do the backward steps run, and has everything that uses {use} run before it?",
        looks_like=(
            "Values with several uses have right gradients, and what they are computed from has wrong "
            "ones. Chains without a value that is used twice are right."
        ),
        why=(
            "The backward steps run in the order of a search from the output, such as a recursion or a "
            "queue, so that a value is reached by its first use before the others have run."
        ),
        see=(
            "Let `u = 2 * v` and `y = u * u + u` at v = 1. The gradient of v must be 10. An order that "
            "reaches u too early gives 2 or 8."
        ),
        fix=(
            "Sort the nodes topologically first, as by a depth-first search that appends a node after its "
            "operands, and run the backward steps in the reverse of that order."
        ),
        seen_in=("karpathy/micrograd#21", "karpathy/micrograd#64", "karpathy/micrograd#91"),
    ),
    in_whole_network=True,
    local_rule=LocalRule(partial_sums),
)
