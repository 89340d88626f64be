"""Pages of the repository become pages of the site."""

from pathlib import Path

import gradjury
from api.app import create_app
from guide.reference import command_line_reference, http_reference, python_reference
from guide.sources import adapt


def test_links_lead_to_the_same_file_in_the_site() -> None:
    docs = Path("diagnosis.md")
    assert adapt("[a](method.md#kinks)", docs) == "[a](method.md#kinks)"
    assert adapt("[a](../examples/gallery/README.md#nielsen)", docs) == "[a](gallery/README.md#nielsen)"
    assert adapt("[a](../CONTRIBUTING.md)", docs) == "[a](contributing.md)"
    assert adapt("[a](docs/architecture.md)", Path("contributing.md")) == "[a](architecture.md)"
    assert adapt("[a](../method.md)", Path("bugs/rounded.md")) == "[a](../method.md)"
    assert adapt("[a](neuroph.json)", Path("gallery/README.md")) == "[a](neuroph.json)"


def test_words_of_a_link_stay_where_the_site_has_no_such_file() -> None:
    assert adapt("see [the example](../examples/student)", Path("pytest.md")) == "see the example"


def test_code_keeps_its_text_and_gets_the_name_of_its_file() -> None:
    text = "```python check.py\nf[0](../CONTRIBUTING.md)\n```"
    assert adapt(text, Path("pytest.md")) == text.replace("python check.py", 'python title="check.py"')


def test_the_reference_has_every_name_call_and_command() -> None:
    python = python_reference()
    assert python.count("\n::: ") >= len(gradjury.__all__)
    http = http_reference()
    for path, item in create_app().openapi()["paths"].items():
        assert all(f"### {method.upper()} {path}\n" in http for method in item)
    commands = command_line_reference()
    assert all(f"## `gradjury {name}`" in commands for name in ("check", "inspect", "serve", "token"))
