"""Command `gradjury check`: its options and help texts."""

from pathlib import Path
from typing import Annotated, Any

import typer

from verifier.exit_status import ExitStatus


def check(
    files: Annotated[
        list[str], typer.Argument(help="Submissions; '-' is standard input, a folder its files; globs.")
    ],
    assignment: Annotated[
        Path | None,
        typer.Option(help="What the files answer: they hold gradients alone."),
    ] = None,
    format_name: Annotated[
        str, typer.Option("--format", help="text, json, markdown, html, junit, … (see catalogue).")
    ] = "text",
    output: Annotated[
        Path | None, typer.Option(help="Write the reports there instead of printing them.")
    ] = None,
    preset: Annotated[str | None, typer.Option(help="Tolerance: strict, standard or lenient.")] = None,
    rtol: Annotated[float | None, typer.Option(help="Tolerance relative to each entry's scale.")] = None,
    atol: Annotated[float | None, typer.Option(help="Tolerance added as it is.")] = None,
    oracles: Annotated[str | None, typer.Option(help="Names separated by commas; see catalogue.")] = None,
    entries: Annotated[str, typer.Option(help="'all' puts the whole arrays into json.")] = "worst",
    points: Annotated[
        str | None,
        typer.Option(help="What a submission is worth: 10, or layers.0.weight=2,layers.0.bias=1."),
    ] = None,
    audience: Annotated[str, typer.Option(help="grader, or student: verdicts and hints alone.")] = "grader",
    junit_dialect: Annotated[str, typer.Option(help="jenkins (strict) or gitlab.")] = "jenkins",
    jobs: Annotated[int | None, typer.Option("--jobs", "-j", help="Processes; as many as cores.")] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print nothing when all is correct, and nothing that is.")
    ] = False,
    exit_zero: Annotated[bool, typer.Option("--exit-zero", help="Exit 0 whatever was found.")] = False,
) -> None:
    """Judge submissions.

    Exit status: 0 all correct, 1 at least one incorrect, 2 malformed or nothing to check,
    3 none incorrect but at least one undecided, 4 internal error.
    """
    from verifier.checking import Choices, check_files

    tolerance: dict[str, Any] = {
        key: value
        for key, value in {"preset": preset, "rtol": rtol, "atol": atol}.items()
        if value is not None
    }
    choices = Choices(
        assignment=assignment,
        format_name=format_name,
        tolerance=tolerance or None,
        oracles=tuple(name.strip() for name in oracles.split(",")) if oracles else None,
        entries=entries,
        points=points,
        audience=audience,
        junit_dialect=junit_dialect,
        jobs=jobs,
        quiet=quiet,
    )
    status = check_files(files, choices, output)
    raise typer.Exit(0 if exit_zero and status is not ExitStatus.INTERNAL else int(status))
