"""Read the installed files of GradJury for platforms on which it cannot be installed."""

from importlib import metadata
from pathlib import Path

import reference_impl
import verifier

_KEPT = (".py", ".typed", ".jinja")


def packages() -> dict[str, bytes]:
    """Return every file that grading needs by path: the packages, their metadata and their licence."""
    files: dict[str, bytes] = {}
    for package in (reference_impl, verifier):
        root = Path(str(package.__file__)).parent
        for path in root.rglob("*"):
            if path.suffix in _KEPT and path.is_file():
                files[f"{root.name}/{path.relative_to(root).as_posix()}"] = path.read_bytes()
    version = metadata.version("gradjury")
    metadata_text = f"Metadata-Version: 2.4\nName: gradjury\nVersion: {version}\nLicense-Expression: MIT\n"
    files[f"gradjury-{version}.dist-info/METADATA"] = metadata_text.encode()
    files["LICENSE"] = _licence()
    return files


def _licence() -> bytes:
    installed = metadata.distribution("gradjury").read_text("licenses/LICENSE")
    if installed is not None:
        return installed.encode()
    return (Path(str(verifier.__file__)).parents[1] / "LICENSE").read_bytes()  # not installed: a checkout
