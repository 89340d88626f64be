"""Formulas of the catalogue for one layer, as Unicode, LaTeX and MathML."""

from xml.etree import ElementTree

from tests.pairwise import each
from verifier.diagnosis.catalogue import BUGS, LOCAL_RULES
from verifier.report.formulas import formulas_of, latex, mathml, unicode_formula
from verifier.report.model import Diagnosis, LayerOutline

NETWORK = (LayerOutline(3, 4, "tanh"), LayerOutline(4, 4, "relu"), LayerOutline(4, 2, "sigmoid"))


def diagnosis(
    bug: str,
    layer: int | None,
    equation: str = "",
    factor: float | None = None,
    used: str | None = None,
    layers: tuple[int, ...] = (),
) -> Diagnosis:
    words = BUGS[bug].words
    return Diagnosis(
        bug=bug,
        layer=layer,
        equation=equation or BUGS[bug].equation,
        parameters=(),
        factor=factor,
        residual=None,
        also_consistent=(),
        title=words.title,
        explanation="",
        right=words.right,
        wrong=words.wrong,
        hint="",
        estimates={} if used is None else {"used": used},
        layers=layers,
    )


@each(
    [
        (
            diagnosis("wrong-activation-derivative", 0, used="1 + z²"),
            ("δ₀ = (δ₁ W₁ᵀ) ∘ (1 − z₀²)", "δ₀′ = (δ₁ W₁ᵀ) ∘ (1 + z₀²)"),
        ),
        (
            diagnosis("wrong-activation-derivative", 1, used="the derivative of sigmoid"),
            ("δ₁ = (δ₂ W₂ᵀ) ∘ relu′(a₁)", "δ₁′ = (δ₂ W₂ᵀ) ∘ sigmoid′(a₁)"),
        ),
        (
            diagnosis(
                "wrong-activation-derivative", 2, "output_delta", used="the derivative of tanh, written in z"
            ),
            ("δ₂ = ∂R/∂z₂ ∘ z₂(1 − z₂)", "δ₂′ = ∂R/∂z₂ ∘ tanh′(z₂)"),
        ),
        (
            diagnosis("wrong-activation-derivative", 1, used="the derivative of leaky_relu with slope 0.1"),
            (
                "δ₁ = (δ₂ W₂ᵀ) ∘ relu′(a₁)",
                "δ₁′ = (δ₂ W₂ᵀ) ∘ h(a₁), with h the derivative of leaky_relu with slope 0.1",
            ),
        ),
        (diagnosis("preactivation-as-input", 2), ("∂R/∂W₂ = z₁ᵀ δ₂", "(∂R/∂W₂)′ = a₁ᵀ δ₂")),
        (diagnosis("activated-input", 0, used="tanh"), ("∂R/∂W₀ = xᵀ δ₀", "(∂R/∂W₀)′ = g(x)ᵀ δ₀")),
        (diagnosis("wrong-layer-input", 0), ("∂R/∂W₀ = xᵀ δ₀", "(∂R/∂W₀)′ = zₖᵀ δ₀")),
        (diagnosis("missing-output-derivative", 2), ("δ₂ = ∂R/∂z₂ ∘ g′(a₂)", "δ₂′ = ∂R/∂z₂")),
        (
            diagnosis("constant-factor", None, factor=-0.125),
            ("∂R/∂Wₗ = zₗ₋₁ᵀ δₗ", "(∂R/∂Wₗ)′ = −0.125 · ∂R/∂Wₗ"),
        ),
        (
            diagnosis("bias-mean-for-sum", 1, factor=1 / 12),
            ("∂R/∂b₁ = Σₙ δ₁ₙ", "(∂R/∂b₁)′ = 0.0833333 · ∂R/∂b₁"),
        ),
        # in several layers, and what is hidden from students: as in the catalogue
        (diagnosis("bias-zero", 1, layers=(1, 0)), ("∂R/∂bₗ = Σₙ δₗₙ", "(∂R/∂bₗ)′ = 0")),
        (
            diagnosis("wrong-activation-derivative", None),
            ("δₗ = (δₗ₊₁ Wₗ₊₁ᵀ) ∘ g′(aₗ)", "δₗ′ = (δₗ₊₁ Wₗ₊₁ᵀ) ∘ h(aₗ), with h ≠ g′"),
        ),
    ]
)
def test_formulas_have_the_layer_and_the_function_that_were_found(row, expected):
    assert tuple(map(unicode_formula, formulas_of(row, NETWORK))) == expected


@each(
    [
        ("δ_l = (δ_{l+1} W_{l+1}ᵀ) ∘ g′(a_l)", r"\delta _l = (\delta _{l+1} W_{l+1}^{\top}) \circ g'(a_l)"),
        ("∂R/∂b_l = Σₙ δ_{l,n}", r"\partial R/\partial b_l = \sum _{n} \delta _{l,n}"),
        ("z_k, with k ≠ l − 1", r"z_k, \text{ with } k \neq l - 1"),
        ("v̄ = ū", r"\bar{v} = \bar{u}"),
        ("pₙₖ a few digits", r"p_{nk} \text{ a few digits }"),
        ("1e-05 · leaky_relu′(a)", r"1 \cdot 10^{-5} \cdot \operatorname{leakyrelu}'(a)"),
    ]
)
def test_signs_become_commands_and_words_become_text(formula, expected):
    assert latex(formula) == expected


def test_every_formula_becomes_mathml():
    for texts in (*(bug.words for bug in BUGS.values()), *LOCAL_RULES.values()):
        for formula in (texts.right, texts.wrong):
            assert latex(formula).isascii(), formula
            written = ElementTree.fromstring(mathml(formula))
            assert written.tag == "math", formula
            assert written.get("alttext") == unicode_formula(formula)


@each(["</math><script>alert(1)</script>", r"\href{javascript:1}{x} $`_{<b>}", "a_b_c", "\\", "_{", "", "&<"])
def test_other_text_brings_no_markup(text):
    tags = {part.tag for part in ElementTree.fromstring(mathml(text)).iter()}
    assert tags <= {"math", "mrow", "mi", "mn", "mo", "mtext", "msub", "msup", "msubsup", "code"}
