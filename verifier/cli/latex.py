"""Write the formulas of the catalogue as LaTeX, which pages show as mathematics."""

import re
import unicodedata

_SIGNS = {
    "δ": r"\delta ", "η": r"\eta ", "λ": r"\lambda ", "Ω": r"\Omega ", "Σ": r"\sum ", "Π": r"\prod ",
    "∂": r"\partial ", "∘": r"\circ ", "·": r"\cdot ", "−": "-", "′": "'", "ᵀ": r"^{\top}",
    "≠": r"\neq ", "≈": r"\approx ", "∞": r"\infty ", "‖": r"\|", "²": "^2", "|": r"\vert ",
    "%": r"\%", "←": r"\leftarrow ", "½": r"\tfrac{1}{2}",
}  # fmt: skip
_SMALL = {"ₙ": "n", "ₖ": "k", "ⱼ": "j", "ᵢ": "i", "ₘ": "m"}
_FUNCTIONS = ("exp", "max", "min", "softmax", "clip", "sign", "log")
_NOT_EQUAL = "=\N{COMBINING LONG SOLIDUS OVERLAY}"
_MACRON = "\N{COMBINING MACRON}"
_TOKEN = re.compile(
    rf"[{''.join(_SMALL)}]+|\w{_MACRON}|_\{{[^}}]*\}}|_\w|[A-Za-z][A-Za-z']*[A-Za-z]|[A-Za-z]|\d+|\s+|."
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
        written += _math(token)
    return re.sub(r" {2,}", " ", written + _text(words)).strip()


def _is_word(tokens: list[str], index: int) -> bool:
    """True for a word of prose: two letters or more, or the article before one."""
    token = tokens[index]
    if len(token) > 1 and token[0].isascii() and token.isalpha():
        return token not in _FUNCTIONS and token not in ("df", "dW")
    after = tokens[index + 1 : index + 3]
    return token == "a" and len(after) == 2 and after[0].isspace() and _is_word(after, 1)


def _text(words: list[str]) -> str:
    return rf" \text{{ {''.join(words).strip()} }} " if words else ""


def _math(token: str) -> str:
    if token[0] in _SMALL:
        return f"_{{{''.join(_SMALL[sign] for sign in token)}}}"
    if token.endswith(_MACRON):
        return rf"\bar{{{token[0]}}}"
    if token in _FUNCTIONS:
        return rf"\operatorname{{{token}}}"
    if token.startswith("_"):
        return "".join(_SIGNS.get(sign, sign) for sign in token)
    return _SIGNS.get(token, token if not token.isspace() else " ")
