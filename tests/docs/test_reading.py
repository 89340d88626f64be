"""How pages are read and compared: what would let a stale page pass is caught here."""

import pytest

from tests.docs.pages import CodeBlock, PageCommand, commands_of, matches_output

SHOWN = [
    ("the same", "a\nb", "a\nb\n", True),
    ("spaces at ends, an empty last line", "a  \nb", "a\nb \n\n", True),
    ("another number", "took 1 s", "took 2 s\n", False),
    ("a line too many", "a", "a\nb\n", False),
    ("a line too few", "a\nb", "a\n", False),
    ("within a line", "took … s", "took 2.5 s\n", True),
    ("within a line, not across lines", "took … s", "took\n3 s\n", False),
    ("any lines", "a\n…\nd", "a\nb\nc\nd\n", True),
    ("any lines may be none", "a\n…\nd", "a\nd\n", True),
    ("any lines, then another end", "a\n…\nd", "a\nb\nc\n", False),
    ("signs of patterns are themselves", "a.c (x)*", "abc (x)*\n", False),
]


@pytest.mark.parametrize(
    ("shown", "printed", "alike"), [row[1:] for row in SHOWN], ids=[row[0] for row in SHOWN]
)
def test_only_an_ellipsis_stands_for_something_else(shown: str, printed: str, alike: bool) -> None:
    assert matches_output(shown, printed) is alike


def test_commands_go_on_after_a_backslash_and_up_to_the_end_of_a_document() -> None:
    text = "$ curl \\\n     here\nanswer\nmore\n"
    text += "$ cat <<'END'\n$ not a command\nEND\n$ false    # exit status 1\n"
    assert commands_of(CodeBlock("console", text, None)) == [
        PageCommand("curl \\\n     here", "answer\nmore"),
        PageCommand("cat <<'END'\n$ not a command\nEND", None),
        PageCommand("false    # exit status 1", None),
    ]


@pytest.mark.parametrize(
    ("text", "status"), [("true", 0), ("false    # exit status 1", 1), ("a | b  # why", 0)]
)
def test_the_status_is_0_unless_the_page_promises_another(text: str, status: int) -> None:
    assert PageCommand(text, None).status == status


def test_a_block_that_begins_without_a_command_is_refused() -> None:
    with pytest.raises(AssertionError, match="begins with a command"):
        commands_of(CodeBlock("console", "gradjury check\n", None))
