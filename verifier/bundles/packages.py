"""GradJury's own packages as files, read where they are installed, for a place that cannot install them."""

from importlib import metadata
from pathlib import Path

import reference_impl
import verifier

_KEPT = (".py", ".typed", ".jinja")


def packages() -> dict[str, bytes]:
    """Give every file that grading may need, by its path: packages, their version, their licence."""
    found: dict[str, bytes] = {}
    for package in (reference_impl, verifier):
        root = Path(str(package.__file__)).parent
        for path in root.rglob("*"):
            if path.suffix in _KEPT and path.is_file():
                found[f"{root.name}/{path.relative_to(root).as_posix()}"] = path.read_bytes()
    version = metadata.version("gradjury")
    about = f"Metadata-Version: 2.4\nName: gradjury\nVersion: {version}\nLicense-Expression: MIT\n"
    found[f"gradjury-{version}.dist-info/METADATA"] = about.encode()
    found["LICENSE"] = _licence()
    return found


def _licence() -> bytes:
    installed = metadata.distribution("gradjury").read_text("licenses/LICENSE")
    if installed is not None:
        return installed.encode()
    return (Path(str(verifier.__file__)).parents[1] / "LICENSE").read_bytes()  # a checkout
