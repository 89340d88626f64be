"""What the project knows of one source of networks: the columns of the table in `table.py`."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any


@dataclass(frozen=True, slots=True)
class Importer:
    """module, function: where the importer stands, loaded when it is first asked.

    reads: what it takes, in words. from_files: whether files will do; where only a live object does, its
        usual file is a pickle, which may run anything. further_files: the arguments that files after the
        first are.
    required, allowed: arguments of its own that the command line passes on.
    extra: the optional extra that brings the source's library; None where the service's own packages do.
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
        found: Callable[..., dict[str, Any]] = getattr(import_module(self.module), self.function)
        return found
