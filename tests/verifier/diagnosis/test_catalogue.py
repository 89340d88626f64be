"""The table of known mistakes: complete, in words, and shown to everybody who asks."""

import string

from tests.pairwise import each
from verifier.cli.catalogue import catalogue
from verifier.diagnosis.catalogue import BUGS
from verifier.diagnosis.catalogue.bug import EQUATIONS

# the contract's ids, as graders' scripts have them
LISTED = """
batch-sum-for-mean batch-mean-for-sum batch-mean-again-in-hidden-layers output-count-factor factor-two
sign-flipped constant-factor right-gradient-of-another-loss target-ignored
missing-output-derivative extra-output-derivative softmax-jacobian-diagonal softmax-jacobian-missing
softmax-one-minus-p softmax-over-batch softmax-twice
missing-activation-derivative upstream-error-for-delta derivative-at-activation output-form-at-preactivation
wrong-activation-derivative relu-on-upstream mask-from-wrong-tensor derivative-along-wrong-axis
untransposed-weights updated-weights wrong-layer-weights dropout-mask-missing dropout-scale-missing
activated-input preactivation-as-input wrong-layer-input transposed-gradient layer-order examples-weighted
assigned-not-accumulated
bias-summed-over-units bias-mean-for-sum bias-not-summed bias-zero bias-row-sum-of-weight-gradient
bias-of-another-layer
penalty-missing penalty-factor penalty-on-biases penalty-missing-on-biases penalty-of-gradient
zero-gradient overflow clipped integer-truncation rounded numerical-gradient lower-precision-than-declared
unexplained
"""


def test_the_ids_are_those_of_the_contract():
    assert sorted(BUGS) == sorted(LISTED.split())


@each(BUGS)
def test_a_row_is_complete(bug):
    row = BUGS[bug]
    assert row.id == bug
    assert row.equation in EQUATIONS
    for field in ("title", "right", "wrong", "explanation", "hint", "looks_like", "why", "see", "fix"):
        text = getattr(row.words, field)
        assert text.strip() == text != ""
    assert row.words.explanation.endswith(".")
    assert row.words.right != row.words.wrong


@each(BUGS)
def test_a_hint_points_to_the_place_and_gives_nothing_away(bug):
    hint = BUGS[bug].words.hint
    assert {field for _, field, _, _ in string.Formatter().parse(hint) if field} <= {"place"}
    assert not any(character.isdigit() for character in hint)
    assert not any(sign in hint for sign in ("=", "∘", "Σ", "ᵀ", "δ_", "·"))


def test_the_catalogue_lists_every_bug_with_its_formulas():
    listed = catalogue()["bugs"]
    assert [row["name"] for row in listed] == list(BUGS)
    for row in listed:
        words = BUGS[row["name"]].words
        assert (row["title"], row["right"], row["wrong"]) == (words.title, words.right, words.wrong)
        assert row["seen_in"] == list(words.seen_in)
        assert "{" not in row["hint"]
