"""NaN or infinity in the gradient."""

from verifier.diagnosis.catalogue.bug import Bug, BugTexts

BUG = Bug(
    "overflow",
    "numbers",
    BugTexts(
        title="NaN or infinity in the gradient",
        right="softmax: p = exp(a − max a) / Σ exp(a − max a), sigmoid: no exp of a large positive number",
        wrong="p′ = exp(a) / Σ exp(a), with exp(a) = ∞, so ∞/∞ = NaN",
        explanation=(
            "The submitted gradient holds NaN or infinity, though the true one is finite. "
            "Plain formulas with exp, log(0) or 0/0 leave the range of the numbers in {place}."
        ),
        hint=(
            "Print the largest and the smallest pre-activation of {place}: can your formula be "
            "evaluated there?"
        ),
        looks_like=(
            "Entries are NaN or infinite. One NaN in δ spreads to all layers below it, while those "
            "above may be right. With small weights and inputs it never shows."
        ),
        why=(
            "`np.exp(a)` overflows above 709 in float64 and 88 in float32. `np.log(p)` is −∞ where p "
            "has become 0, and 0 · ∞ is NaN."
        ),
        see=(
            'Run with `np.errstate(all="raise")`: numpy then stops at the line. Try a pre-activation of 1000.'
        ),
        fix=(
            "`e = np.exp(a - a.max(axis=1, keepdims=True))`, and cross entropy from the pre-activations "
            "and not from log p."
        ),
    ),
)
