"""`gradjury verify-report`: a signed report and a key set from files, no network."""

import sys
from pathlib import Path

from api.signing import UnverifiedError, verify_signature
from verifier.documents.json_text import parse
from verifier.documents.mistakes import MalformedSubmission
from verifier.exit_status import ExitStatus
from verifier.exporters.harmless import one_line


def verify_files(report: Path, keys: Path, output: Path | None) -> ExitStatus:
    """Say on standard output what is proved, or on standard error why nothing is."""
    try:
        signed, key_set = report.read_bytes(), parse(keys.read_bytes())
    except OSError as error:
        return _refuse(f"{error.filename}: expected a file that can be read ({error.strerror})")
    except MalformedSubmission as error:
        return _refuse(f"{keys}: {error}")
    try:
        proved = verify_signature(signed, key_set)
        document = parse(proved.document)
    except (UnverifiedError, MalformedSubmission) as error:
        print(one_line(f"{report}: {error}"), file=sys.stderr)  # noqa: T201
        return ExitStatus.INCORRECT
    if output is not None:
        try:
            output.write_bytes(proved.document + b"\n")
        except OSError as error:
            return _refuse(f"{output}: expected a file that can be written ({error.strerror})")
    claims = "".join(f"\n  {one_line(f'{name}: {value}')}" for name, value in sorted(proved.claims.items()))
    told = (
        f"the signature of {proved.key_id} holds: {document.get('name') or 'report'}, {document['verdict']}"
    )
    sys.stdout.write(told + claims + "\n")
    return ExitStatus.CORRECT


def _refuse(message: str) -> ExitStatus:
    print(one_line(message), file=sys.stderr)  # noqa: T201
    return ExitStatus.MALFORMED
