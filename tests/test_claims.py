"""CLAIMS.md lists what the tests prove: it names tests that exist, and leaves out no file."""

import ast
import re
from functools import cache
from pathlib import Path

TESTS = Path(__file__).parent
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (TESTS / "CLAIMS.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("|") and not line.startswith(("| claim |", "|---"))
]
NAMED = [test for row in ROWS for test in re.findall(r"`([^`]+)`", row[-1])]


@cache
def functions(path: Path) -> set[str]:
    """The names of the test functions in a file, those of classes too."""
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return {
        node.name
        for node in nodes
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    }


def exists(test: str) -> bool:
    path, _, function = test.partition("::")
    return (TESTS / path).is_file() and (not function or function in functions(TESTS / path))


def test_every_test_that_a_claim_names_exists() -> None:
    gone = sorted({test for test in NAMED if not exists(test)})
    assert not gone, f"in tests/CLAIMS.md, rename or remove what is not in tests/: {gone}"


def test_every_test_file_is_named() -> None:
    files = {path.relative_to(TESTS).as_posix() for path in TESTS.rglob("test_*.py")}
    missing = sorted(files - {test.partition("::")[0] for test in NAMED})
    assert not missing, f"in tests/CLAIMS.md, add a line that says what these files prove: {missing}"


def test_every_claim_has_its_tests() -> None:
    assert ROWS, "in tests/CLAIMS.md, add tables of claims and tests"
    empty = [
        row for row in ROWS if len(row) != 2 or not row[0] or not re.fullmatch(r"(`[^`]+`(, )?)+", row[1])
    ]
    assert not empty, f"in tests/CLAIMS.md, give each of these lines one claim and its tests: {empty}"
