"""Show where the equations of backpropagation are: a picture, its alternative text, and numpy code."""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from types import MappingProxyType

from verifier.diagnosis.catalogue.bug import LOCAL_RULE

_HEIGHT, _BOX = 250, 34
_STYLE = """
svg { --paper: #fff; --ink: #1a1c1f; --faint: #55595f; --panel: #f5f6f8; --wrong: #a13d00; }
@media (prefers-color-scheme: dark) {
  svg { --paper: #15171a; --ink: #e8eaed; --faint: #a9aeb6; --panel: #1e2125; --wrong: #ffad70; }
}
text { font: 15px system-ui, sans-serif; fill: var(--ink); text-anchor: middle; }
.row { fill: var(--faint); text-anchor: start; font-size: 13px; }
rect { fill: var(--panel); stroke: var(--faint); stroke-width: 1.5; }
.paper { fill: var(--paper); stroke: none; }
.link { stroke: var(--faint); stroke-width: 1.5; fill: none; }
.head { fill: var(--faint); }
.marked rect { stroke: var(--wrong); stroke-width: 4; }
.marked text { font-weight: 700; }
"""


@dataclass(frozen=True, slots=True)
class _Diagram:
    """Boxes with their centres and widths, and arrows between them."""

    width: int
    boxes: Mapping[str, tuple[int, int, int]]
    arrows: tuple[tuple[str, str], ...]
    rows: Mapping[str, int]


_LAYERS = _Diagram(
    620,
    {
        "zₗ₋₁": (60, 50, 56), "aₗ": (165, 50, 50), "zₗ": (265, 50, 50), "aₗ₊₁": (370, 50, 56),
        "f": (475, 50, 50), "R": (575, 50, 50),
        "δₗ": (165, 130, 50), "δₗ₊₁": (370, 130, 56), "δ of the last layer": (520, 130, 150),
        "∂R/∂Wₗ": (90, 210, 90), "∂R/∂bₗ": (240, 210, 90), "∂Ω/∂Wₗ": (390, 210, 90),
    },
    (
        ("zₗ₋₁", "aₗ"), ("aₗ", "zₗ"), ("zₗ", "aₗ₊₁"), ("aₗ₊₁", "f"), ("f", "R"),
        ("R", "δ of the last layer"), ("δ of the last layer", "δₗ₊₁"), ("δₗ₊₁", "δₗ"),
        ("δₗ", "∂R/∂Wₗ"), ("δₗ", "∂R/∂bₗ"),
    ),
    {"forward": 22, "backward": 102, "gradients": 182},
)  # fmt: skip
_GRAPH = _Diagram(
    620,
    {
        "v": (90, 50, 50), "u, which uses v": (280, 50, 130), "the output": (500, 50, 110),
        "v̄": (90, 170, 50), "ū": (280, 170, 50), "1": (500, 170, 50),
    },
    (
        ("v", "u, which uses v"), ("u, which uses v", "the output"), ("the output", "1"),
        ("1", "ū"), ("ū", "v̄"),
    ),
    {"forward": 22, "backward": 142},
)  # fmt: skip
_MARKED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "loss": ("R",),
        "output_delta": ("δ of the last layer",),
        "hidden_delta": ("δₗ",),
        "weight_gradient": ("∂R/∂Wₗ",),
        "bias_gradient": ("∂R/∂bₗ",),
        "penalty": ("∂Ω/∂Wₗ",),
        "numbers": ("∂R/∂Wₗ", "∂R/∂bₗ"),
        LOCAL_RULE: ("v̄",),
    }
)
_CODE = {
    "loss": "dR_df = (f - y) / N  # of the loss R = 1/N Σ ½(f - y)²",
    "output_delta": "delta[L] = dR_df * g_prime(a[L])",
    "hidden_delta": "    delta[l] = (delta[l + 1] @ W[l + 1].T) * g_prime(a[l])",
    "weight_gradient": "    dW[l] = z[l - 1].T @ delta[l]",
    "bias_gradient": "    db[l] = delta[l].sum(axis=0)",
    "penalty": "    dW[l] += strength * W[l]  # of the penalty Ω = ½ strength Σ w²",
    "numbers": 'np.savez("gradients.npz", dW0=dW[0], db0=db[0], dW1=dW[1], db1=db[1])',
}
_LOOPS = {
    "hidden_delta": "for l in reversed(range(L)):",
    "weight_gradient": "for l in range(L + 1):  # z[-1] is x",
}


def equation_picture(equation: str) -> str:
    """Return a drawing of backpropagation as SVG, in light and dark, in which an equation is marked."""
    diagram = _diagram(equation)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {diagram.width} {_HEIGHT}" role="img" '
        'aria-labelledby="title">',
        f'<title id="title">{escape(equation_text(equation))}</title>',
        f"<style>{_STYLE}</style>",
        '<defs><marker id="head" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" '
        'orient="auto"><path class="head" d="M0 0L8 4L0 8z"/></marker></defs>',
        f'<rect class="paper" width="{diagram.width}" height="{_HEIGHT}" rx="8"/>',
        *(f'<text class="row" x="12" y="{y}">{name}</text>' for name, y in diagram.rows.items()),
        *(_arrow(diagram.boxes[first], diagram.boxes[last]) for first, last in diagram.arrows),
        *(_box(name, place, name in _MARKED[equation]) for name, place in diagram.boxes.items()),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def equation_text(equation: str) -> str:
    """Return the alternative text of the drawing."""
    marked = " and ".join(_MARKED[equation])
    if equation == LOCAL_RULE:
        return f"A value v of a graph, its use u, and their gradients. Marked: {marked}, the gradient of v."
    return f"The forward pass, the backward pass and the gradients of layer l. Marked: {marked}."


def equation_code(equation: str) -> str:
    """Return correct numpy code in which the line of an equation is marked."""
    if equation == LOCAL_RULE:
        return "for u in uses_of[v]:\n    grad[v] += grad[u] * derivative(u, v)  # here"
    lines = []
    for name, line in _CODE.items():
        if name == "penalty" and equation != "penalty":
            continue
        if name in _LOOPS:
            lines.append(_LOOPS[name])
        marked = f"{line}  # here" if "#" not in line else f"{line.replace('#', '# here:', 1)}"
        lines.append(marked if name == equation else line)
    return "\n".join(lines)


def _diagram(equation: str) -> _Diagram:
    return _GRAPH if equation == LOCAL_RULE else _LAYERS


def _box(name: str, place: tuple[int, int, int], marked: bool) -> str:
    x, y, width = place
    return (
        f'<g class="{"marked" if marked else "plain"}">'
        f'<rect x="{x - width // 2}" y="{y - _BOX // 2}" width="{width}" height="{_BOX}" rx="6"/>'
        f'<text x="{x}" y="{y + 5}">{name}</text></g>'
    )


def _arrow(first: tuple[int, int, int], last: tuple[int, int, int]) -> str:
    """Return an arrow between the edges of two boxes."""
    if first[1] == last[1]:
        side = 1 if last[0] > first[0] else -1
        start, end = (first[0] + side * first[2] // 2, first[1]), (last[0] - side * last[2] // 2, last[1])
    else:
        start, end = (first[0], first[1] + _BOX // 2), (last[0], last[1] - _BOX // 2)
    return f'<path class="link" marker-end="url(#head)" d="M{start[0]} {start[1]}L{end[0]} {end[1]}"/>'
