"""The table of known mistakes: complete, in words, and shown to everybody who asks."""

import string

from tests.pairwise import each
from verifier.cli.catalogue import catalogue
from verifier.diagnosis.catalogue import ALIASES, BUGS, LOCAL_RULES, find_bug, find_local_rule, ids_of
from verifier.diagnosis.catalogue.bug import EQUATIONS, LOCAL_RULE

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
penalty-of-another-form hidden-derivative-at-output target-sum-ignored weight-sum-for-mean
derivative-at-dropped-activation derivative-broadcast
zero-gradient overflow clipped integer-truncation rounded inexact-numbers numerical-gradient
lower-precision-than-declared
unexplained
"""
OF_GRAPHS_ALONE = (
    "missing-path",
    "repeated-rows-assigned",
    "multiply-operands-exchanged",
    "paths-multiplied",
    "axis-not-restored",
    "no-topological-order",
)
EARLIER = {
    "missing-local-derivative": ("missing-activation-derivative",),
    "assigned-for-accumulated": ("assigned-not-accumulated",),
    "broadcast-not-summed": ("bias-not-summed", "bias-mean-for-sum"),
    "matmul-operands-exchanged": ("untransposed-weights",),
    "wrong-sign": ("sign-flipped",),
    "derivative-of-value": ("derivative-at-activation",),
    "count-factor": ("batch-sum-for-mean", "batch-mean-for-sum", "factor-two"),
}


def test_the_ids_are_those_of_the_contract():
    assert sorted(BUGS) == sorted((*LISTED.split(), *OF_GRAPHS_ALONE))
    assert {bug for bug, row in BUGS.items() if row.equation == LOCAL_RULE} == set(OF_GRAPHS_ALONE)


def test_earlier_ids_stand_for_the_ids_that_took_their_place():
    assert ALIASES == EARLIER
    assert not ALIASES.keys() & BUGS.keys()
    for alias, bugs in EARLIER.items():
        assert ids_of(alias) == bugs
        assert find_bug(alias) is BUGS[bugs[0]]
        assert find_local_rule(alias) is LOCAL_RULES[bugs[0]]
    assert ids_of("zero-gradient") == ("zero-gradient",)
    assert find_bug("no such bug") is None


@each(LOCAL_RULES)
def test_a_local_rule_is_complete(bug):
    rule = LOCAL_RULES[bug]
    for template in (rule.explanation, rule.hint):
        fields = {field for _, field, _, _ in string.Formatter().parse(template) if field}
        assert fields <= {"place", "use"}
    assert rule.explanation.endswith(".")
    assert rule.hint.endswith("?")
    assert "{" not in rule.general_hint
    assert rule.title
    assert rule.right != rule.wrong


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
    allowed = {"place", "use"} if bug in OF_GRAPHS_ALONE else {"place"}
    assert {field for _, field, _, _ in string.Formatter().parse(hint) if field} <= allowed
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
    earlier = {alias: row["name"] for row in reversed(listed) for alias in row["aliases"]}
    assert earlier.keys() == EARLIER.keys()
    assert {row["name"] for row in listed if row["in_graphs"]} == set(LOCAL_RULES)
