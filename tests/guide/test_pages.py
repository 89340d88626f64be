"""Built pages work offline: formulas are MathML, scripts are files, nothing is loaded from elsewhere."""

from pathlib import Path

import pytest

from guide.pages import finish_pages, mathml, move_scripts


def test_formulas_become_mathml() -> None:
    page = mathml('<p><span class="arithmatex">\\(a &lt; b_l\\)</span></p>')
    assert page.startswith("<p><math")
    assert "<msub><mi>b</mi><mi>l</mi></msub>" in page
    assert "arithmatex" not in page
    assert 'display="block"' in mathml('<div class="arithmatex">\\[x\\]</div>')


def test_scripts_become_files_and_data_stay(tmp_path: Path) -> None:
    text = '<script>f(1)</script><script type="application/json">{}</script><script src="a.js"></script>'
    page, scripts = move_scripts(text, "..")
    ((name, script),) = scripts.items()
    assert script == "f(1)"
    assert page.startswith(f'<script src="../{name}"></script><script type="application/json">')


def test_a_page_that_loads_something_from_elsewhere_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text('<a href="https://example.org">read</a>')
    finish_pages(tmp_path)
    (tmp_path / "b.html").write_text('<img alt="" src="https://example.org/a.png">')
    with pytest.raises(ValueError, match=r"b.html loads https://example.org/a.png"):
        finish_pages(tmp_path)
