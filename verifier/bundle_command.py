"""Command `gradjury bundle`: its options and help texts."""

from pathlib import Path
from typing import Annotated

import typer


def bundle(
    platform: Annotated[str, typer.Argument(help="gradescope, prairielearn, classroom50, github or gitlab.")],
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Where to write it: an empty folder, or none.")
    ],
    assignment: Annotated[Path, typer.Option(help="An assignment, or a submission whose problem to take.")],
    image: Annotated[str | None, typer.Option(help="prairielearn: what you call the grader's image.")] = None,
    uuid: Annotated[
        str | None, typer.Option(help="prairielearn: the question's; derived from the assignment else.")
    ] = None,
    zip_file: Annotated[
        Path | None, typer.Option("--zip", help="gradescope: the zip to upload; DIR/autograder.zip else.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Write into a folder that is not empty, over the same names.")
    ] = False,
) -> None:
    """Write what an instructor uploads to a grading platform, around an assignment."""
    from verifier.bundling import BundleChoices, write_bundle

    choices = BundleChoices(platform, folder, assignment, image, uuid, zip_file, force)
    raise typer.Exit(int(write_bundle(choices)))
