"""A bundle as files and as a zip: the same bytes whenever it is written."""

import io
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path

from verifier.bundles.bundle import Bundle, File

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can say
_MODES = {False: 0o644, True: 0o755}


def write_folder(folder: Path, files: Mapping[str, File]) -> None:
    """Write files, with the folders they lie in. What stands there under other names is left alone."""
    for path, file in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(file.content)
        place.chmod(_MODES[file.executable])


def zipped(bundle: Bundle, files: Mapping[str, File]) -> bytes:
    """Give the zip to upload; it keeps what is executable."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, file in files.items():
            if path in bundle.left_out:
                continue
            member = zipfile.ZipInfo(path, _EPOCH)
            member.create_system = 3  # Unix, whose modes these are
            member.external_attr = (0o100000 | _MODES[file.executable]) << 16
            archive.writestr(member, file.content, zipfile.ZIP_DEFLATED, 9)
    return stream.getvalue()


def put(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    new = path.with_name(f".{path.name}.{os.getpid()}")
    new.write_bytes(content)
    new.replace(path)
