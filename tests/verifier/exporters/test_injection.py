"""A submitter's words command no runner, forge no line, and are no markup."""

import re
from itertools import product

from tests.pairwise import each
from tests.verifier.exporters.builders import HOSTILE, hostile
from verifier.exporters import EXPORTERS, ExportOptions
from verifier.exporters.github import step_summary

OURS = re.compile(r"::(error file=[^:,]*,line=1,title=GradJury%3A [a-z-]+|notice title=GradJury)::[^\r\n]*")


@each(HOSTILE)
def test_every_line_for_github_is_a_command_of_ours(words):
    text = EXPORTERS["github"].render(hostile(words), ExportOptions())
    assert all(OURS.fullmatch(line) for line in text.split("\n"))
    assert len(text.split("\n")) == 4


@each(product(["text", "markdown"], HOSTILE))
def test_no_line_that_people_read_commands_a_runner(format_name, words):
    text = EXPORTERS[format_name].render(hostile(words), ExportOptions())
    assert not re.search(r"^\s*::|##\[", text, re.MULTILINE)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u202e]", text)


@each(HOSTILE)
def test_the_step_summary_holds_no_markup_of_a_submitter(words):
    text = step_summary(hostile(words), ExportOptions())
    unescaped = re.findall(r"(?<!\\)(?:\\\\)*(<script|!\[|\]\()", re.sub(r"`[^`\n]*`", "", text))
    assert unescaped == []
    assert "<failure" not in re.sub(r"\\.", "", text)
