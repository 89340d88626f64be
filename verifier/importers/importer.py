"""The description of an importer, a row of the table in `table.py`."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any


@dataclass(frozen=True, slots=True)
class Importer:
    """One source of networks.

    module, function: the importer, loaded at its first use.
    reads: a description of the source for help texts.
    from_files: it accepts files. Otherwise it needs a live object, because the usual file is a pickle, which
        can run arbitrary code.
    further_files: the arguments for the second and later files of the command line.
    required, allowed: further required and optional arguments of the command line.
    extra: the optional dependency with the source's library; None if no extra is needed.
    """

    name: str
    module: str
    function: str
    reads: str
    from_files: bool = False
    further_files: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()
    extra: str | None = None

    def load(self) -> Callable[..., dict[str, Any]]:
        """Import the module and return the function."""
        function: Callable[..., dict[str, Any]] = getattr(import_module(self.module), self.function)
        return function
