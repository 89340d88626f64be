"""Write the formulas of the catalogue for one layer, and as Unicode, LaTeX or MathML.

The catalogue writes subscripts as `W_{l+1}`. Layers count from 0, and the input of layer 0 is `x`.
"""

import re
import unicodedata
from collections.abc import Sequence
from html import escape
from xml.etree import ElementTree

from verifier.report.model import Diagnosis, LayerOutline

DERIVATIVES = {  # in terms of a and z = g(a)
    "identity": "1",
    "sigmoid": "z(1 − z)",
    "tanh": "1 − z²",
    "relu": "1 for a > 0, else 0",
    "leaky_relu": "1 for a > 0, else the slope",
    "elu": "1 for a > 0, else z + alpha",
    "softplus": "sigmoid(a)",
    "gelu": "Φ(a) + a φ(a)",
    "silu": "s(1 + a(1 − s)) with s = sigmoid(a)",
}
_OTHER_FUNCTION = "h(a_l), with h ≠ g′"  # what was found takes its place
_UNKNOWN_FACTOR = {  # bugs of which the catalogue lists the usual factors
    "constant-factor": "∂R/∂W_l",
    "factor-two": "∂R/∂W_l",
    "output-count-factor": "∂R/∂W_l",
    "weight-sum-for-mean": "∂R/∂W_l",
    "bias-mean-for-sum": "∂R/∂b_l",
}
_FROM_ABOVE = re.compile(r"\(δ_\{l\+1\} W_\{l\+1\}ᵀ\)|δ_\{l\+1\} W_\{l\+1\}ᵀ")
_INPUT = re.compile(r"z_\{l−1((?:,n)?)\}")
_INDEX = re.compile(r"(?<![A-Za-z])l(?: ?([+−]) ?1)?(?![A-Za-z])")
_IN_Z = re.compile(r"[z²01()+−· ]+")


def formulas_of(row: Diagnosis, network: Sequence[LayerOutline] = ()) -> tuple[str, str]:
    """Return the right and the used formula of a diagnosis, with its layer and the function or factor found.

    What a report hides from students, such as the layer, is not in the formulas either.
    """
    right, used = row.right, row.wrong
    quantity = _UNKNOWN_FACTOR.get(row.bug)
    if quantity and row.factor is not None:
        used = f"({quantity})′ = {_signed(f'{row.factor:.6g}')} · {quantity}"
    function = row.estimates.get("used")
    if isinstance(function, str) and _OTHER_FUNCTION in used:
        used = used.replace(_OTHER_FUNCTION, _at_layer_l(function))
    if row.layer is None or row.layers:
        return right, used
    if _OTHER_FUNCTION in row.wrong and row.layer < len(network):
        right = right.replace("g′(a_l)", _right_derivative(network[row.layer].activation))
    if row.equation == "output_delta":
        right, used = (_FROM_ABOVE.sub("∂R/∂z_l", formula) for formula in (right, used))
        right, used = (re.sub(r"_L(?![A-Za-z])", "_l", formula) for formula in (right, used))
    return _at_layer(right, row.layer), _at_layer(used, row.layer)


def _right_derivative(activation: str) -> str:
    derivative = DERIVATIVES.get(activation, "")
    return _at_layer_l(derivative) if _IN_Z.fullmatch(derivative) else f"{activation}′(a_l)"


def _at_layer_l(function: str) -> str:
    """Return a derivative as a factor of layer l: `1 - z²` as `(1 − z_l²)`, another function by its name."""
    formula = _signed(function)
    if _IN_Z.fullmatch(formula):
        formula = formula.replace("z", "z_l")
        is_sum = re.search("[+−]", re.sub(r"\(.*?\)", "", formula))
        return f"({formula})" if is_sum else formula
    name, _, form = function.removeprefix("the derivative of ").partition(", written in z")
    if function == name or " with " in name:
        return f"h(a_l), with h {function}"
    return f"{name}′({'z' if form or function.endswith('written in z') else 'a'}_l)"


def _signed(text: str) -> str:
    return text.replace("-", "−")


def _at_layer(formula: str, layer: int) -> str:
    """Return a formula with a number for the layer l."""
    if layer == 0:
        formula = formula.removesuffix(", with k ≠ l − 1")
        formula = _INPUT.sub(lambda match: "x_n" if match[1] else "x", formula)

    def number(match: re.Match[str]) -> str:
        return str(layer + {"+": 1, "−": -1, None: 0}[match[1]])

    return re.sub(r"_\{(\d)\}", r"_\1", _INDEX.sub(number, formula))


_SUBSCRIPT = re.compile(r"_(?:\{([^{}]+)\}|([^\W_]))")
_SUBSCRIPTS = str.maketrans("0123456789+−lnkjim", "₀₁₂₃₄₅₆₇₈₉₊₋ₗₙₖⱼᵢₘ", ", ")


def unicode_formula(formula: str) -> str:
    """Return a formula for terminals, with subscripts such as `W₂` where Unicode has them."""

    def lowered(match: re.Match[str]) -> str:
        index = (match[1] or match[2]).translate(_SUBSCRIPTS)
        return match[0] if any(character.isascii() or character == "−" for character in index) else index

    return _SUBSCRIPT.sub(lowered, formula)


_SIGNS = {
    "δ": r"\delta ", "η": r"\eta ", "λ": r"\lambda ", "Ω": r"\Omega ", "Σ": r"\sum ", "Π": r"\prod ",
    "∂": r"\partial ", "∘": r"\circ ", "·": r"\cdot ", "−": "-", "′": "'", "ᵀ": r"^{\top}",
    "≠": r"\neq ", "≈": r"\approx ", "∞": r"\infty ", "‖": r"\|", "²": "^2", "|": r"\vert ",
    "%": r"\%", "←": r"\leftarrow ", "½": r"\tfrac{1}{2}", "<": r"\lt ", ">": r"\gt ",
    "\\": r"\backslash ", "{": r"\{", "}": r"\}", "_": r"\_", "$": r"\$", "#": r"\#", "&": r"\&",
    "^": r"\wedge ", "~": r"\sim ", "`": "'",
}  # fmt: skip
_SMALL = {"ₙ": "n", "ₖ": "k", "ⱼ": "j", "ᵢ": "i", "ₘ": "m"}
_FUNCTIONS = ("exp", "max", "min", "softmax", "clip", "sign", "log")
_NOT_EQUAL = "=\N{COMBINING LONG SOLIDUS OVERLAY}"
_MACRON = "\N{COMBINING MACRON}"
_TOKEN = re.compile(
    rf"[{''.join(_SMALL)}]+|\w{_MACRON}|_\{{[^{{}}]*\}}|_[^\W_]|[A-Za-z][A-Za-z_']*[A-Za-z](?=′)"
    r"|[A-Za-z][A-Za-z']*[A-Za-z]|[A-Za-z]|\d+(?:\.\d+)?(?:e[+−-]\d+)?|\s+|."
)


def latex(formula: str) -> str:
    """Return a formula, with words between its parts, as LaTeX without delimiters."""
    tokens = _TOKEN.findall(unicodedata.normalize("NFD", formula).replace(_NOT_EQUAL, "≠"))
    written = ""
    words: list[str] = []
    for index, token in enumerate(tokens):
        if _is_word(tokens, index) or (words and token.isspace()):
            words.append(token)
            continue
        written, words = written + _text(words), []
        written += _math(token, tokens[index + 1 : index + 2] == ["′"])
    return re.sub(r" {2,}", " ", written + _text(words)).strip()


def _is_word(tokens: list[str], index: int) -> bool:
    """True for a word of prose: two letters or more, or the article before one."""
    token = tokens[index]
    if len(token) > 1 and token.isascii() and token[0].isalpha():
        is_function = token in _FUNCTIONS or tokens[index + 1 : index + 2] == ["′"]
        return not is_function and token not in ("df", "dW")
    after = tokens[index + 1 : index + 3]
    return token == "a" and len(after) == 2 and after[0].isspace() and _is_word(after, 1)


def _text(words: list[str]) -> str:
    return rf" \text{{ {''.join(words).strip()} }} " if words else ""


def _math(token: str, before_prime: bool) -> str:
    if token[0] in _SMALL:
        return f"_{{{''.join(_SMALL[sign] for sign in token)}}}"
    if token.endswith(_MACRON):
        return rf"\bar{{{token[0]}}}"
    if token in _FUNCTIONS or (before_prime and len(token) > 1 and token.isascii() and token[0].isalpha()):
        return rf"\operatorname{{{token.replace('_', '')}}}"
    if token.startswith("_{"):
        return f"_{{{''.join(_SIGNS.get(sign, sign) for sign in token[2:-1])}}}"
    if token.startswith("_") and len(token) > 1:
        return token
    if token[0].isdigit() and "e" in token:
        digits, _, exponent = token.partition("e")
        return rf"{digits} \cdot 10^{{{int(_SIGNS.get(exponent[0], exponent[0]) + exponent[1:])}}}"
    return _SIGNS.get(token, token if not token.isspace() else " ")


_NAMESPACE = "{http://www.w3.org/1998/Math/MathML}"


def mathml(formula: str) -> str:
    """Return a formula as MathML, which browsers draw and screen readers read; as code if it is none."""
    from latex2mathml import converter, exceptions  # deferred import: only pages need its tables

    try:
        element = ElementTree.fromstring(converter.convert(latex(formula)))
    except (
        exceptions.DoubleSubscriptsError,
        exceptions.DoubleSuperscriptsError,
        exceptions.MissingSuperScriptOrSubscriptError,
        exceptions.NoAvailableTokensError,
        ElementTree.ParseError,
    ):
        return f"<code>{escape(formula)}</code>"
    element.set("alttext", unicode_formula(formula))
    for part in element.iter():
        part.tag = part.tag.removeprefix(_NAMESPACE)
    return ElementTree.tostring(element, encoding="unicode")
