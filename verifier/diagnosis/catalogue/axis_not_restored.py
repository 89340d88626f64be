"""The axis of a reduction is not restored."""

from verifier.diagnosis.catalogue.bug import LOCAL_RULE, Bug, BugTexts, LocalRule
from verifier.diagnosis.catalogue.rules.uses import axis_not_restored

BUG = Bug(
    "axis-not-restored",
    LOCAL_RULE,
    BugTexts(
        title="The axis of a reduction is not restored",
        right="v̄ᵢⱼ = ūᵢ for uᵢ = Σⱼ vᵢⱼ",
        wrong="v̄ᵢⱼ′ = ūⱼ",
        explanation=(
            "{use} reduces an axis of {place}. The gradient of {use} was copied back along another axis, the "
            "one that broadcasting takes by itself."
        ),
        hint="Which axis of {place} does {use} reduce, and along which axis are the copies of its gradient?",
        looks_like=(
            "The gradient has the same rows where it should have the same columns. If the axis has another "
            "length than the rest, the program raises an error."
        ),
        why=(
            "After `sum(axis=1)` the axis is gone, and `np.ones_like(x) * upstream` aligns the gradient with "
            "the last axis."
        ),
        see="Sum a square matrix over its columns, with the upstream gradient 0, 1: one row must be 0.",
        fix="`np.expand_dims(upstream, axis) * np.ones_like(x)`",
        seen_in=("MLSysBook/TinyTorch",),
    ),
    local_rule=LocalRule(axis_not_restored),
)
