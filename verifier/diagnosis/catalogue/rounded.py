"""Right, but rounded to few digits."""

from verifier.diagnosis.catalogue.bug import Bug, BugTexts
from verifier.diagnosis.catalogue.rules.numbers import rounded_to_digits

BUG = Bug(
    "rounded",
    "numbers",
    BugTexts(
        title="Right, but rounded to few digits",
        right="∂R/∂W_l, with all its digits",
        wrong="(∂R/∂W_l)′ = ∂R/∂W_l rounded to a few digits",
        explanation=(
            "The submitted gradient for {place} is right as far as its digits go, but it was "
            "rounded before. Digits that were kept: {digits}."
        ),
        for_students="The gradient of {place} is right as far as its digits go, but it was rounded before.",
        hint=(
            "How did the numbers of {place} get from your program into the file, and were digits lost "
            "on that way?"
        ),
        looks_like=(
            "All errors are at most half a unit of the last digit, in all layers alike, and all numbers "
            "have a short decimal form. Small entries suffer most when decimals are counted."
        ),
        why=(
            "`print(dW)` shows 8 digits, and the text was copied. Or `np.round(dW, 4)` was used to make "
            "it readable."
        ),
        see=(
            "Look at the numbers in the file: they all end after the same number of digits. "
            "`repr(float(dW[0, 0]))` shows what was there."
        ),
        fix="`json.dumps(dW.tolist())` or `np.savez`, which keep every digit.",
    ),
    changes=rounded_to_digits,
)
