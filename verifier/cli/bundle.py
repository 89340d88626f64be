"""Implementation of `gradjury bundle`: check the options and write the bundle."""

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from verifier.cli.bundles import BUNDLES, Bundle, BundleOrder
from verifier.cli.bundles.contents import build_files
from verifier.cli.bundles.writing import write_atomically, write_folder, zip_bundle
from verifier.documents.assignment_files import read_assignment_file
from verifier.problem.errors import ErrorCollector, MalformedSubmission, describe, suggest_name
from verifier.report.assignment import Assignment
from verifier.report.verdict import ExitStatus

# name of a container image: host:port/path:tag@digest
_IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:@-]{0,254}")


@dataclass(frozen=True, slots=True)
class BundleChoices:
    """Unchecked values of the options of `gradjury bundle`; None for an absent option."""

    platform: str
    folder: Path
    assignment: Path
    image: str | None = None
    uuid: str | None = None
    zip: Path | None = None
    force: bool = False


def write_bundle(choices: BundleChoices) -> ExitStatus:
    """Write the bundle. If an option is invalid, print all errors to standard error and write nothing.

    Return the exit status of the command.
    """
    try:
        bundle, order = _check_choices(choices)
        files = build_files(bundle, order)
        write_folder(choices.folder, files)
        if bundle.archive:
            write_atomically(choices.zip or choices.folder / bundle.archive, zip_bundle(bundle, files))
    except MalformedSubmission as error:
        for document_error in error.errors:
            print(f"{document_error.pointer}: {document_error.detail}", file=sys.stderr)  # noqa: T201
        return ExitStatus.MALFORMED
    except OSError as error:
        folder = f"{error.filename or choices.folder} ({error.strerror or error})"
        print(f"DIR: expected a folder that can be written, got {folder}", file=sys.stderr)  # noqa: T201
        return ExitStatus.MALFORMED
    return ExitStatus.CORRECT


def _check_choices(choices: BundleChoices) -> tuple[Bundle, BundleOrder]:
    """Return the platform and the order. Raises: MalformedSubmission listing all invalid options."""
    errors = ErrorCollector()
    bundle = BUNDLES.get(choices.platform)
    if bundle is None:
        remedy = suggest_name(choices.platform, BUNDLES)
        rule = f"one of {', '.join(BUNDLES)}"
        errors.add("PLATFORM", rule, describe(choices.platform), remedy if "mean" in remedy else "")
    else:
        _check_options(bundle, choices, errors)
    _check_folder(choices, errors)
    assignment = read_assignment_file(choices.assignment, errors)
    if assignment is not None:
        _check_assignment(assignment, errors)
    errors.raise_if_any()
    assert bundle is not None  # otherwise there were mistakes
    assert assignment is not None
    return bundle, BundleOrder(
        assignment, choices.image or "", str(UUID(choices.uuid)) if choices.uuid else ""
    )


def _check_options(bundle: Bundle, choices: BundleChoices, errors: ErrorCollector) -> None:
    for option, value in (("image", choices.image), ("uuid", choices.uuid), ("zip", choices.zip)):
        if value is not None and option not in bundle.options:
            takers = ", ".join(row.name for row in BUNDLES.values() if option in row.options)
            errors.add(f"--{option}", f"no such option for {bundle.name}", "one", f"it is for {takers}")
    if choices.image is not None and not _IMAGE.fullmatch(choices.image):
        errors.add("--image", "a container's name, such as school/gradjury:1", describe(choices.image))
    if choices.uuid is not None:
        try:
            UUID(choices.uuid)
        except ValueError:
            rule = "a UUID of 32 hexadecimal digits"
            errors.add("--uuid", rule, describe(choices.uuid), "leave it out to have it derived")
    if choices.zip is not None and (choices.zip.is_dir() or not choices.zip.parent.is_dir()):
        absent = f"create the folder {str(choices.zip.parent)!r} first"
        remedy = "name a file in that folder" if choices.zip.is_dir() else absent
        errors.add("--zip", "a file that can be written", repr(str(choices.zip)), remedy)


def _check_folder(choices: BundleChoices, errors: ErrorCollector) -> None:
    folder = choices.folder
    if folder.exists() and not folder.is_dir():
        errors.add("DIR", "a folder, there or not", f"the file {str(folder)!r}", "name another")
    elif folder.is_dir() and not choices.force and any(folder.iterdir()):
        remedy = "name another, or add --force to write over files of the same names"
        errors.add("DIR", "an empty folder, or none", f"{str(folder)!r}, which is not empty", remedy)


def _check_assignment(assignment: Assignment, errors: ErrorCollector) -> None:
    if assignment.per_student:
        remedy = "serve it with gradjury serve, which knows each student"
        errors.add("--assignment/instances", "'shared': a bundle has one problem", "'per_student'", remedy)
    if not assignment.visibility.verdict:
        remedy = "let students_see hold 'verdict', or grade what you collect with gradjury check"
        rule = "'verdict' among what students see: platforms show them their score"
        errors.add("--assignment/students_see", rule, "a list without it", remedy)
