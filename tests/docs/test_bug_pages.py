"""The pages in docs/bugs are what the table of bugs says."""

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from verifier.cli import pages
from verifier.cli.equations import equation_code
from verifier.cli.pages import bug_pages
from verifier.diagnosis.catalogue import BUGS
from verifier.diagnosis.catalogue.bug import EQUATIONS, LOCAL_RULE

FOLDER = Path(__file__).parent.parent.parent / "docs" / "bugs"
REMEDY = "run `make docs` (python -m verifier.cli.pages docs/bugs) and commit what it writes"


@pytest.fixture(scope="module")
def generated() -> dict[str, str]:
    return bug_pages()


def test_every_bug_has_its_page_and_no_page_is_left_over(generated: dict[str, str]) -> None:
    names = {path.name for path in FOLDER.iterdir()}
    assert set(generated) - names == set(), f"missing: {REMEDY}"
    assert names - set(generated) == set(), "pages of no bug: delete them"
    pictures = {f"{equation}.svg" for equation in EQUATIONS}
    assert set(generated) == {"README.md", *(f"{bug}.md" for bug in BUGS)} | pictures


def test_the_pages_are_what_the_table_gives(generated: dict[str, str]) -> None:
    stale = [name for name, text in generated.items() if (FOLDER / name).read_text(encoding="utf-8") != text]
    assert stale == [], REMEDY


def test_every_page_is_complete(generated: dict[str, str]) -> None:
    for name, text in generated.items():
        if name.endswith(".svg"):
            continue
        assert not re.search(r"\{(place|above|factor|used|other|examples)\}", text), name
        assert max(map(len, text.splitlines())) <= 240, name  # a formula is a line


def test_every_link_of_the_pages_leads_somewhere(generated: dict[str, str]) -> None:
    for name, text in generated.items():
        for target in re.findall(r"\]\(([^)#]+)\)", text):
            assert (FOLDER / target).exists(), f"{name}: {target}"


@pytest.mark.parametrize("equation", [name for name in EQUATIONS if name != LOCAL_RULE])
def test_the_code_of_the_pages_computes_the_right_gradient(equation: str) -> None:
    """Held against complex steps of the loss along one direction."""
    generator = np.random.default_rng(5)
    x, y = generator.normal(size=(5, 3)), generator.normal(size=(5, 2))
    shapes = {"W": ((3, 4), (4, 2)), "b": ((4,), (2,))}
    values = {name: [generator.normal(size=shape) for shape in rows] for name, rows in shapes.items()}
    along = {name: [generator.normal(size=shape) for shape in rows] for name, rows in shapes.items()}
    strength = 0.3 if equation == "penalty" else 0.0

    def forward(step: complex) -> tuple[complex, dict[int, Any], dict[int, Any]]:
        W, b = ([v + step * d for v, d in zip(values[n], along[n], strict=True)] for n in ("W", "b"))
        a, z = {}, {-1: x}
        for layer in range(2):
            a[layer] = z[layer - 1] @ W[layer] + b[layer]
            z[layer] = np.tanh(a[layer])
        return ((z[1] - y) ** 2).sum() / 10 + strength / 2 * sum((w**2).sum() for w in W), a, z

    _, a, z = forward(0.0)
    names: dict[str, Any] = {
        "np": SimpleNamespace(savez=lambda *_, **__: None), "f": z[1], "y": y, "N": 5, "L": 1, "a": a, "z": z,
        "W": values["W"], "strength": strength, "g_prime": lambda at: 1 - np.tanh(at) ** 2,
        "delta": {}, "dW": {}, "db": {},
    }  # fmt: skip
    exec(equation_code(equation), names)
    slope = sum(
        (names[f"d{name}"][layer] * along[name][layer]).sum() for name in shapes for layer in range(2)
    )
    assert slope == pytest.approx(forward(1e-30j)[0].imag / 1e-30, rel=1e-12)


@pytest.mark.parametrize("which", ["bugs", "gallery"])
def test_a_folder_gets_its_own_pages_alone(
    which: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "bug_pages", lambda: {"bugs.md": "a"})
    monkeypatch.setattr(pages, "gallery_pages", lambda: {"gallery.md": "b"})
    monkeypatch.setattr("sys.argv", ["pages", str(tmp_path / which)])
    pages.write_pages()
    assert [path.name for path in (tmp_path / which).iterdir()] == [f"{which}.md"]


def test_a_folder_of_no_pages_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["pages", str(tmp_path / "elsewhere")])
    with pytest.raises(SystemExit):
        pages.write_pages()
    assert list(tmp_path.iterdir()) == []
