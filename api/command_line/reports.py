"""`gradjury verify-report`: check the signature of a report without the service."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from api.command_line.opening import refuse, refuse_missing
from verifier.cli import main as cli
from verifier.report.verdict import ExitStatus


@cli.app.command(name="verify-report")
def verify_report(
    file: Annotated[Path, typer.Argument(help="A signed report: GET /v1/reports/… as application/jose.")],
    keys: Annotated[Path, typer.Option(help="The service's /.well-known/jwks.json, saved.")],
    output: Annotated[Path | None, typer.Option(help="Write the proved report there, as JSON.")] = None,
) -> None:
    """Check offline that a service signed a report, and that nobody changed it since.

    Exit status: 0 it holds, 1 it does not, 2 a file cannot be read.
    """
    try:
        from api.signing import UnverifiedError, verify_signature  # needs gradjury[service]
    except ModuleNotFoundError as error:
        refuse_missing(error)
    from verifier.documents.json import parse  # loads numpy
    from verifier.problem.errors import MalformedSubmission
    from verifier.report.wording import sanitize_line

    try:
        signed, key_set = file.read_bytes(), parse(keys.read_bytes())
    except OSError as error:
        refuse(sanitize_line(f"{error.filename}: expected a file that can be read ({error.strerror})"))
    except MalformedSubmission as error:
        refuse(sanitize_line(f"{keys}: {error}"))
    try:
        verified = verify_signature(signed, key_set)
        document = parse(verified.document)
    except (UnverifiedError, MalformedSubmission) as error:
        typer.echo(sanitize_line(f"{file}: {error}"), err=True)
        raise typer.Exit(int(ExitStatus.INCORRECT)) from None
    if output is not None:
        try:
            output.write_bytes(verified.document + b"\n")
        except OSError as error:
            refuse(sanitize_line(f"{output}: expected a file that can be written ({error.strerror})"))
    name = document.get("name") or "report"
    claims = "".join(
        f"\n  {sanitize_line(f'{key}: {value}')}" for key, value in sorted(verified.claims.items())
    )
    sys.stdout.write(f"the signature of {verified.key_id} holds: {name}, {document['verdict']}{claims}\n")
