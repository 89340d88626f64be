"""Every formula of the catalogue can be written as mathematics."""

from latex2mathml.converter import convert

from tests.pairwise import each
from verifier.cli.latex import latex
from verifier.diagnosis.catalogue import BUGS, LOCAL_RULES


@each(
    [
        ("δ_l = (δ_{l+1} W_{l+1}ᵀ) ∘ g′(a_l)", r"\delta _l = (\delta _{l+1} W_{l+1}^{\top}) \circ g'(a_l)"),
        ("∂R/∂b_l = Σₙ δ_{l,n}", r"\partial R/\partial b_l = \sum _{n} \delta _{l,n}"),
        ("z_k, with k ≠ l − 1", r"z_k, \text{ with } k \neq l - 1"),
        ("v̄ = ū", r"\bar{v} = \bar{u}"),
        ("pₙₖ a few digits", r"p_{nk} \text{ a few digits }"),
    ]
)
def test_signs_become_commands_and_words_become_text(formula, expected):
    assert latex(formula) == expected


def test_every_formula_becomes_mathml():
    for texts in (*(bug.words for bug in BUGS.values()), *LOCAL_RULES.values()):
        for formula in (texts.right, texts.wrong):
            written = latex(formula)
            assert written.isascii(), written
            assert convert(written).startswith("<math")
