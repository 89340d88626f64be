"""Write a bundle as files and as a zip archive, reproducibly to the byte."""

import io
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path

from verifier.cli.bundles.bundle import Bundle, File

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip archive can store
_MODES = {False: 0o644, True: 0o755}


def write_folder(folder: Path, files: Mapping[str, File]) -> None:
    """Write the files and their folders. Other files in the folder are not changed."""
    for path, file in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.content)
        target.chmod(_MODES[file.executable])


def zip_bundle(bundle: Bundle, files: Mapping[str, File]) -> bytes:
    """Return the zip archive to upload, which keeps the executable bits."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, file in files.items():
            if path in bundle.left_out:
                continue
            member = zipfile.ZipInfo(path, _EPOCH)
            member.create_system = 3  # Unix, because the attributes are Unix modes
            member.external_attr = (0o100000 | _MODES[file.executable]) << 16
            archive.writestr(member, file.content, zipfile.ZIP_DEFLATED, 9)
    return stream.getvalue()


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file atomically."""
    new = path.with_name(f".{path.name}.{os.getpid()}")
    new.write_bytes(content)
    new.replace(path)
