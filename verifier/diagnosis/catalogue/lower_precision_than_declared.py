"""Computed in lower precision than declared."""

from verifier.diagnosis.catalogue.bug import Bug, BugTexts

BUG = Bug(
    "lower-precision-than-declared",
    "numbers",
    BugTexts(
        title="Computed in lower precision than declared",
        right="every step in the declared precision",
        wrong="(∂R/∂W_l)′ = ∂R/∂W_l rounded like float32 or float16 in every step",
        explanation=(
            "A warning, no bug: the submitted gradient for {place} is as accurate as float32 "
            "or float16 can be. A higher precision was declared."
        ),
        hint=(
            "Print the `dtype` of every array on the way to the gradient of {place}: is it the declared one?"
        ),
        looks_like=(
            "Relative errors are about 1e-7 for float32 and 1e-3 for float16, all over and without a "
            "pattern. The numbers may be exact float32 values."
        ),
        why=(
            "Deep learning frameworks compute in float32 unless told otherwise, and saving as float64 "
            "afterwards does not bring the digits back."
        ),
        see=(
            "Print `np.array_equal(dW, dW.astype(np.float32))`: True means that nothing beyond float32 "
            "is there."
        ),
        fix=(
            "`x, W, b = (v.astype(np.float64) for v in (x, W, b))` before the forward pass, or declare "
            "the precision that was used."
        ),
    ),
)
