"""Command line `gradjury`.

The commands read documents and write reports. The exit status is 0 only if everything is correct.
"""

import errno
import os
import sys
from collections.abc import Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from verifier.report.verdict import ExitStatus

_BROKEN_PIPE_STATUS = 128 + 13  # the status of a process that SIGPIPE ended, as in a shell


def open_closed_streams() -> None:
    """Replace closed standard streams, which Python represents as None, by the null device."""
    sys.stdin, sys.stdout, sys.stderr = (
        stream or open(os.devnull, mode, encoding="utf-8")  # noqa: PTH123, SIM115 -- open until the process ends
        for stream, mode in ((sys.stdin, "r"), (sys.stdout, "w"), (sys.stderr, "w"))
    )


class PipeSafeGroup(TyperGroup):
    """Command group that exits quietly if the reader of the output, such as `head`, has closed the pipe.

    Typer would exit with 1, which means an incorrect submission here.
    """

    def invoke(self, ctx: Any) -> Any:
        try:
            try:
                return super().invoke(ctx)
            finally:
                sys.stdout.flush()  # a later failure could not be reported
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the flush at exit
            raise typer.Exit(_BROKEN_PIPE_STATUS) from None


if TYPE_CHECKING:
    from verifier.problem.errors import DocumentError

app = typer.Typer(
    cls=PipeSafeGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Check gradients of neural networks and name the mistake in a wrong one.",
)


class CatalogueFormat(StrEnum):
    TEXT = "text"
    JSON = "json"


class InspectionFormat(StrEnum):
    TEXT = "text"
    JSON = "json"
    HTML = "html"


class FileFormat(StrEnum):
    JSON = "json"
    NPZ = "npz"
    SAFETENSORS = "safetensors"


@app.callback(invoke_without_command=True)
def _version(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if version:
        from importlib.metadata import version as version_of

        typer.echo(version_of("gradjury"))
        raise typer.Exit


@app.command()
def check(
    files: Annotated[
        list[str], typer.Argument(help="Submissions: files, folders or globs; '-' is standard input.")
    ],
    assignment: Annotated[
        Path | None,
        typer.Option(help="Assignment file; FILES then contain gradients only."),
    ] = None,
    names: Annotated[
        Path | None,
        typer.Option(help='Names in FILES, as JSON: {"W1": "layers.0.weight"}. Common ones are known.'),
    ] = None,
    format_name: Annotated[
        str,
        typer.Option("--format", help="text, json, html, grades, … (see catalogue)."),
    ] = "text",
    output: Annotated[Path | None, typer.Option(help="Output file (default: standard output).")] = None,
    output_dir: Annotated[
        Path | None,
        typer.Option(help="Folder for one report per submission, as students see it; see --audience."),
    ] = None,
    preset: Annotated[str | None, typer.Option(help="Tolerance: strict, standard or lenient.")] = None,
    rtol: Annotated[float | None, typer.Option(help="Relative tolerance.")] = None,
    atol: Annotated[float | None, typer.Option(help="Absolute tolerance.")] = None,
    oracles: Annotated[str | None, typer.Option(help="Oracles, separated by commas (see catalogue).")] = None,
    entries: Annotated[str, typer.Option(help="'all' adds whole arrays to JSON reports.")] = "worst",
    points: Annotated[
        str | None,
        typer.Option(help="Points: 10, or layers.0.weight=2,layers.0.bias=1."),
    ] = None,
    audience: Annotated[
        str | None,
        typer.Option(
            help="grader or student (only verdicts and hints); default: grader, with --output-dir student."
        ),
    ] = None,
    junit_dialect: Annotated[str, typer.Option(help="jenkins (strict) or gitlab.")] = "jenkins",
    jobs: Annotated[
        int | None, typer.Option("--jobs", "-j", help="Number of processes (default: number of cores).")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only what is wrong.")] = False,
    exit_zero: Annotated[
        bool, typer.Option("--exit-zero", help="Exit with 0 even if submissions are incorrect.")
    ] = False,
) -> None:
    """Judge submissions.

    Exit status: 0 all correct, 1 at least one incorrect, 2 malformed or nothing to check,
    3 none incorrect but at least one undecided, 4 internal error.
    """

    from verifier.cli.check import CliOptions, check_files  # loads numpy

    tolerance: dict[str, Any] = {
        key: value
        for key, value in {"preset": preset, "rtol": rtol, "atol": atol}.items()
        if value is not None
    }
    choices = CliOptions(
        assignment=assignment,
        names=names,
        format_name=format_name,
        tolerance=tolerance or None,
        oracles=tuple(name.strip() for name in oracles.split(",")) if oracles else None,
        entries=entries,
        points=points,
        output_dir=output_dir,
        audience=audience,
        junit_dialect=junit_dialect,
        jobs=jobs,
        quiet=quiet,
    )
    status = check_files(files, choices, output)
    raise typer.Exit(0 if exit_zero and status is not ExitStatus.INTERNAL else int(status))


@app.command()
def bundle(
    platform: Annotated[str, typer.Argument(help="gradescope, prairielearn, classroom50, github or gitlab.")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Output folder; must be empty or not exist.")],
    assignment: Annotated[Path, typer.Option(help="Assignment file, or a submission with its problem.")],
    image: Annotated[str | None, typer.Option(help="prairielearn: name of the grader's image.")] = None,
    uuid: Annotated[
        str | None,
        typer.Option(help="prairielearn: UUID of the question (default: from the assignment)."),
    ] = None,
    zip_file: Annotated[
        Path | None,
        typer.Option("--zip", help="gradescope: zip to upload (default: DIR/autograder.zip)."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Write into a folder that is not empty and replace files.")
    ] = False,
) -> None:
    """Write the files of an assignment for a grading platform."""

    from verifier.cli.bundle import BundleChoices, write_bundle  # loads numpy

    choices = BundleChoices(platform, folder, assignment, image, uuid, zip_file, force)
    raise typer.Exit(int(write_bundle(choices)))


@app.command()
def example(
    name: Annotated[str | None, typer.Argument(help="Name of an example (default: list all).")] = None,
    format_name: Annotated[FileFormat, typer.Option("--format")] = FileFormat.JSON,
    output: Annotated[Path | None, typer.Option(help="Output file (default: standard output).")] = None,
    strong: Annotated[bool, typer.Option("--strong", help="Draw numbers that reveal every mistake.")] = False,
    like: Annotated[
        Path | None, typer.Option(help="With --strong: submission with the network and loss.")
    ] = None,
) -> None:
    """Print an example submission."""
    from verifier.documents.files import write_document  # loads numpy
    from verifier.documents.json import to_json
    from verifier.documents.output import open_output
    from verifier.examples.layers import DEFAULT_EXAMPLE
    from verifier.examples.named import list_examples, load_example
    from verifier.problem.errors import MalformedSubmission, suggest_name

    if like is not None and (name is not None or not strong):
        _refuse("--like takes the place of a name, and goes with --strong")
    if name is None and not strong:
        for example_name, description in list_examples().items():
            typer.echo(f"{example_name:33} {description}")
        return
    if name is not None and name not in list_examples():
        remedy = suggest_name(name, list_examples())
        meant = f"{remedy} " if "mean" in remedy else ""
        listed = "gradjury example without a name lists them"
        _refuse(f"expected the name of an example, got {name!r}; {meant}{listed}")
    document = load_example(name or DEFAULT_EXAMPLE) if like is None else _read_document(like)
    if strong:
        from verifier.examples.layers import informative_document  # loads numpy

        try:
            document = informative_document(document)
        except MalformedSubmission as error:
            _refuse_document(error.errors, str(like or ""))
    if output is None:
        if format_name is not FileFormat.JSON:
            _refuse(f"{format_name} is binary: name a file with --output")
        typer.echo(to_json(document))
    else:
        try:
            with open_output(output, "wb") as stream:
                stream.write(write_document(document, format_name))
        except MalformedSubmission as error:
            _refuse_document(error.errors)


@app.command(name="inspect")
def inspect_problems(
    files: Annotated[
        list[str], typer.Argument(help="Problems, with or without gradients; '-' is standard input.")
    ],
    format_name: Annotated[InspectionFormat, typer.Option("--format")] = InspectionFormat.TEXT,
    output: Annotated[Path | None, typer.Option(help="Output file (default: standard output).")] = None,
) -> None:
    """Report which mistakes a problem reveals, hides or confuses, and what to change."""
    from verifier.cli.inspect import inspect_files  # loads numpy

    raise typer.Exit(int(inspect_files(files, format_name, output)))


@app.command(name="import")
def import_network(
    source: Annotated[str, typer.Argument(help="state_dict, keras, onnx or nielsen.")],
    files: Annotated[list[Path], typer.Argument(help="The network; for keras also its .weights.h5.")],
    inputs: Annotated[str | None, typer.Option(help="File of inputs: npy or JSON.")] = None,
    targets: Annotated[str | None, typer.Option(help="File of targets: npy or JSON.")] = None,
    loss: Annotated[
        str | None, typer.Option(help="Loss: a preset, a name, or JSON as in a submission.")
    ] = None,
    gradients: Annotated[
        str | None, typer.Option(help="File of gradients by the source's names: npz, safetensors or JSON.")
    ] = None,
    activations: Annotated[
        str | None, typer.Option(help="state_dict: one for all hidden layers, or a list with commas.")
    ] = None,
    order: Annotated[
        str | None, typer.Option(help="state_dict: names of the layers in order, with commas.")
    ] = None,
    output: Annotated[Path | None, typer.Option(help="Output file (json, npz, …).")] = None,
) -> None:
    """Convert a saved network, a batch and gradients into a submission."""
    from verifier.cli.import_network import import_files  # loads numpy

    options = {"inputs": inputs, "targets": targets, "loss": loss, "gradients": gradients}
    options |= {"activations": activations, "order": order}
    raise typer.Exit(int(import_files(source, files, options, output)))


@app.command(name="catalogue")
def print_catalogue(
    format_name: Annotated[CatalogueFormat, typer.Option("--format")] = CatalogueFormat.TEXT,
) -> None:
    """List activations, losses, presets, oracles, bugs, formats."""
    from verifier.cli.catalogue import catalogue  # loads numpy
    from verifier.documents.json import to_json

    document = catalogue()
    if format_name is CatalogueFormat.JSON:
        typer.echo(to_json(document))
        return
    for heading, rows in document.items():
        names = [row if isinstance(row, str) else row.get("name", row.get("preset")) for row in rows]
        typer.echo(f"{heading}: {', '.join(names) if names else 'none yet'}")


def _read_document(path: Path) -> Any:
    from verifier.cli.files import read_source  # loads numpy
    from verifier.documents.files import parse_bytes
    from verifier.problem.errors import MalformedSubmission

    try:
        return parse_bytes(read_source(str(path)))
    except MalformedSubmission as error:
        _refuse_document(error.errors, str(path))


def _refuse(message: str) -> NoReturn:
    from verifier.cli.files import print_error  # loads numpy

    print_error(message)
    raise typer.Exit(int(ExitStatus.MALFORMED))


def _refuse_document(errors: Iterable["DocumentError"], source: str = "") -> NoReturn:
    from verifier.cli.files import print_document_errors  # loads numpy

    print_document_errors(errors, source)
    raise typer.Exit(int(ExitStatus.MALFORMED))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line.

    An unexpected error is printed as one line, with exit status 4. With GRADJURY_DEBUG set it is raised.
    """
    open_closed_streams()
    try:
        app(args=None if arguments is None else list(arguments), prog_name="gradjury")
    except Exception as error:
        if os.environ.get("GRADJURY_DEBUG"):
            raise
        message = f"internal error, {type(error).__name__}: {error}"
        remedy = "set GRADJURY_DEBUG=1 to see where, and please report it"
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
            message, remedy = (
                f"the output cannot be written: {error.strerror}",
                "make room, or write elsewhere",
            )
        typer.echo(f"gradjury: {message}; {remedy}", err=True)
        sys.exit(int(ExitStatus.INTERNAL))
