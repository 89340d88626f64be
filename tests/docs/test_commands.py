"""Every command that the README and the pages show is run here, and prints what is shown."""

import re
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import pytest
import yaml

from tests.docs.builders import MATERIALS
from tests.docs.pages import PAGES, CodeBlock, PageCommand, blocks_of, commands_of, matches_output
from tests.docs.shell import SERVICE, environment, new_folder, run_in_order
from tests.without_torch import without_torch

POSTGRES = "postgresql://gradjury:secret@localhost/gradjury"  # as pages write it
NOT_RUN = MappingProxyType(
    {
        "pip install .": "installs",
        "make run": "installs; the service that answers these pages is started by the same command",
        "make test": "is what runs this",
        "sudo -u postgres createuser --pwprompt gradjury": "asks for two passwords",
        "sudo -u postgres createdb --owner gradjury gradjury": "asks for one",
        "docker build --tag school/gradjury:1 gradients/image": "needs Docker",
        "docker push school/gradjury:1": "needs a registry",
        ". .venv/bin/activate": "the tests' own environment is active already",
    }
)
PYTHON_ELSEWHERE = MappingProxyType(
    {
        "README.md": "tests/test_readme.py and tests/gradjury/pytest_plugin",
        "docs/pytest.md": "a reader's own tests; tests/gradjury/pytest_plugin has the same calls",
        "docs/assignments.md": "tests/docs/test_assignments_page.py",
        "docs/importers.md": "tests/docs/test_importers_page.py",
    }
)
LANGUAGES = {"console", "python", "json", "yaml", "nginx", "caddyfile", "ini", ""}


END = CodeBlock("end", "", None)


def without_comment(command: str) -> str:
    return re.sub(r"\s+# .*$", "", command)


def page_steps(page: str) -> list[PageCommand]:
    """The page's commands and Python blocks in order; a block that names a file is written there first."""
    steps: list[PageCommand] = []
    blocks = blocks_of(PAGES[page])
    for block, after in zip(blocks, [*blocks[1:], END], strict=False):
        if block.file is not None:
            steps.append(write_file(block))
        elif block.language == "console":
            steps += [
                command for command in commands_of(block) if without_comment(command.text) not in NOT_RUN
            ]
        elif block.language == "python" and page not in PYTHON_ELSEWHERE:
            shown = f"…\n{after.text}…" if after.language == "" and after.text else None
            steps.append(PageCommand(f"python3 - <<'END_OF_BLOCK'\n{block.text}END_OF_BLOCK", shown))
    return steps


def write_file(block: CodeBlock) -> PageCommand:
    return PageCommand(
        f"mkdir -p $(dirname {block.file}) && cat > {block.file} <<'END_OF_FILE'\n{block.text}END_OF_FILE",
        None,
    )


WITH_STEPS = [page for page in PAGES if page_steps(page)]


@pytest.mark.parametrize("page", WITH_STEPS)
def test_every_command_of_a_page_does_what_the_page_says(
    page: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    steps = page_steps(page)
    folder = new_folder(tmp_path / "checkout")
    variables, places = surroundings(" ".join(step.text for step in steps), tmp_path, request)
    if page in MATERIALS:
        variables |= MATERIALS[page](folder, places.get(SERVICE, ""), variables)
    for index, (command, ran) in enumerate(run_in_order(steps, folder, variables, places)):
        status_follows = index + 1 < len(steps) and without_comment(steps[index + 1].text) == "echo $?"
        assert ran.status == command.status or status_follows, (
            f"{command.text}\nended with {ran.status}:\n{ran.printed}"
        )
        if command.shown is not None:
            message = f"{command.text}\nprinted\n{ran.printed}\nand the page shows\n{command.shown}"
            assert matches_output(command.shown, ran.printed), message


def surroundings(
    text: str, folder: Path, request: pytest.FixtureRequest
) -> tuple[dict[str, str], Mapping[str, str]]:
    """The environment of a page, and where what it speaks of really is: Postgres, a port, the service."""
    if POSTGRES in text:
        new_database: Callable[[str], str] = request.getfixturevalue("module_database")
        database = new_database("postgres").replace("postgresql+psycopg", "postgresql")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        programs = request.getfixturevalue("postgres_programs")
        variables = without_torch(folder, environment(GRADJURY_PROCESSES="1", GRADJURY_DATABASE_WAIT="300"))
        variables["PATH"] = f"{programs}:{variables['PATH']}"
        address = f"http://127.0.0.1:{port}"
        return variables, {POSTGRES: database, SERVICE: address, "--port 8000": f"--port {port}"}
    if SERVICE in text:
        return dict(request.getfixturevalue("service_environment")), {
            SERVICE: request.getfixturevalue("service")
        }
    return environment(), {}


@pytest.mark.parametrize("page", PAGES)
def test_no_command_hides_in_another_kind_of_block(page: str) -> None:
    assert {block.language for block in blocks_of(PAGES[page])} <= LANGUAGES


def test_what_is_not_run_stands_on_some_page() -> None:
    commands = {
        without_comment(command.text)
        for page in PAGES.values()
        for block in blocks_of(page)
        if block.language == "console"
        for command in commands_of(block)
    }
    assert set(NOT_RUN) <= commands


@pytest.mark.parametrize(
    "page", [page for page in PAGES if "```yaml" in PAGES[page].read_text(encoding="utf-8")]
)
def test_workflows_are_yaml_and_their_commands_are_run_beside_them(page: str) -> None:
    run = {without_comment(step.text).partition(" | ")[0] for step in page_steps(page)}
    for block in blocks_of(PAGES[page]):
        if block.language == "yaml":
            assert yaml.safe_load(block.text)
            assert set(re.findall(r"(?:run: |- )(gradjury check.*)$", block.text, re.MULTILINE)) <= run
