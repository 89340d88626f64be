"""GradJury's other packages, found beside this one whatever a project in front of them calls its own.

A project may have a `verifier.py`, an `api/` or a `reference_impl/`. Where Python looks for modules in its
folder first (`python -m pytest`, PYTHONPATH), the import statement would take those for GradJury's.
"""

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from pathlib import Path
from types import ModuleType

_FOLDER = Path(__file__).parent
# the service's package is inside this one when installed, so that nobody's own `api` collides with it
FOLDERS = (_FOLDER.parent, _FOLDER / "lib")
_NEEDED = {"verifier": ("reference_impl", "verifier"), "api": ("reference_impl", "verifier", "api")}


class ShadowedPackage(ImportError):  # noqa: N818 -- named for the state, as in its message
    """A module of the project was imported under the name of one of GradJury's packages."""


def import_package(name: str) -> ModuleType:
    """Return a module of GradJury's, such as `verifier` or `verifier.documents.importers`.

    Raise ShadowedPackage if another module has the name of its package in this process.
    """
    for package in _NEEDED[name.partition(".")[0]]:
        _claim(package)
    return import_module(name)


def put_first(name: str) -> None:
    """Make processes that this one starts find GradJury's package `name` as well."""
    spec = PathFinder.find_spec(name)
    folder = str(_home(name).parent)
    if spec is None or not _is_ours(name, [spec.origin, *(spec.submodule_search_locations or ())]):
        sys.path.insert(0, folder)


def _claim(name: str) -> None:
    """Import a package from beside this one. Raise ShadowedPackage if it is another one already."""
    module = sys.modules.get(name)
    if module is not None:
        file = getattr(module, "__file__", None)
        if not _is_ours(name, [file, *getattr(module, "__path__", ())]):
            other = file or next(iter(module.__path__))
            raise ShadowedPackage(
                f"GradJury's package {name!r} ({_home(name)}) is hidden by {other}, which was imported as "
                f"{name!r}; rename that file or folder",
                name=name,
            )
        return
    home = _home(name)
    spec = PathFinder.find_spec(name, [str(home.parent)])
    if spec is None or spec.loader is None:
        raise ImportError(
            f"GradJury's package {name!r} is missing ({home}); install gradjury again", name=name
        )
    module = sys.modules[name] = module_from_spec(spec)
    spec.loader.exec_module(module)


def _home(name: str) -> Path:
    """Return the folder of a package of GradJury's."""
    homes = [folder / name for folder in FOLDERS]
    return next((home for home in homes if (home / "__init__.py").exists()), homes[0])


def _is_ours(name: str, places: Sequence[str | None]) -> bool:
    """True if one of a module's file and search locations is GradJury's package."""
    home = _home(name)
    return any(place is not None and home in (Path(place), Path(place).parent) for place in places)
