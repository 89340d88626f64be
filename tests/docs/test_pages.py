"""The text of the pages: links, commands within sentences, files for other programs."""

import importlib.util
import re
import shlex

import pytest
import typer

from api.command_line import cli
from api.settings import Settings
from gradjury.commands import add_commands
from tests.docs.pages import PAGES, ROOT, blocks_of

add_commands(cli.app)
TREE = typer.main.get_command(cli.app)
INLINE = re.compile(r"`(gradjury [^`]+|python -m benchmarks[^`]+)`")


def text_of(page: str) -> str:
    return re.sub(
        r"^```.*?^```$", "", PAGES[page].read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE
    )


def anchors(text: str) -> set[str]:
    """The anchors that headings get on code hosts."""
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_to_a_page_and_a_heading(page: str) -> None:
    for target, _, heading in re.findall(r"\]\(([^)#\s]*)(#([^)]*))?\)", text_of(page)):
        if target.startswith(("http:", "https:")):
            continue
        file = (PAGES[page].parent / target).resolve() if target else PAGES[page]
        assert file.exists(), f"{page}: {target}"
        if heading:
            assert heading in anchors(file.read_text(encoding="utf-8")), f"{page}: {target}#{heading}"


@pytest.mark.parametrize("page", PAGES)
def test_pictures_exist_and_have_alternative_text(page: str) -> None:
    text = text_of(page)
    shown = [(file, words) for words, file in re.findall(r"!\[([^\]]*)\]\(([^)]+)\)", text)]
    for image in re.findall(r"<img [^>]*>", text):
        attributes = dict(re.findall(r'(\w+)="([^"]*)"', image))
        shown.append((attributes["src"], attributes.get("alt", "")))
    for file, words in shown:
        assert (PAGES[page].parent / file).exists(), f"{page}: {file}"
        assert len(words.split()) >= 3, f"{page}: {file} needs a text for readers who do not see it"
    for file in re.findall(r'srcset="([^"]+)"', text):
        assert (PAGES[page].parent / file).exists(), f"{page}: {file}"


def test_the_index_lists_every_page() -> None:
    index = PAGES["docs/README.md"].read_text(encoding="utf-8")
    for page in PAGES:
        if page not in ("README.md", "docs/README.md"):
            assert f"]({page.removeprefix('docs/')})" in index, page


@pytest.mark.parametrize("page", PAGES)
def test_commands_within_sentences_exist_with_their_options(page: str) -> None:
    for code in INLINE.findall(text_of(page)):
        words = shlex.split(re.sub(r"\\\|", "|", code.split(" | ")[0]).replace("…", " "))
        if words[0] == "python":
            assert importlib.util.find_spec(words[2]) is not None, code
            continue
        command = TREE
        for word in words[1:]:
            if not hasattr(command, "commands") or word.startswith("-"):
                break
            for alternative in word.split("|"):  # `create|list|revoke`
                assert alternative in command.commands or word in ("create|list|revoke",), code
            command = command.commands[word.split("|")[0]]
        known = {
            option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)
        }
        options = {re.split(r"[=\[]", word)[0].strip(",") for word in words if word.startswith("--")}
        assert options <= known | {"--help", "--version"}, code


def test_the_proxies_shown_let_through_what_the_service_takes() -> None:
    blocks = {block.language: block.text for block in blocks_of(PAGES["docs/operation.md"])}
    settings = Settings()
    largest = max(settings.largest_body, settings.largest_batch) // 2**20
    assert f"client_max_body_size {largest}m;" in blocks["nginx"]
    assert f"max_size {largest}MiB" in blocks["caddyfile"]
    for text in (blocks["nginx"], blocks["caddyfile"]):
        assert "127.0.0.1:8000" in text
        assert text.count("{") == text.count("}")
    assert "X-Forwarded-For" in blocks["nginx"]  # Caddy sends it by itself
    seconds = re.search(r"proxy_read_timeout (\d+)s", blocks["nginx"])
    assert seconds is not None
    assert int(seconds[1]) > settings.seconds_each


def test_pages_name_no_file_that_is_gone() -> None:
    built = [line.strip("/") for line in (ROOT / ".gitignore").read_text().splitlines()]
    for page in PAGES:
        for file in re.findall(
            r"`((?:verifier|api|tests|benchmarks|reference_impl|examples)/[\w./]+)`", text_of(page)
        ):
            assert (ROOT / file).exists() or file.strip("/") in built, f"{page}: {file}"
