"""The client of a GradJury service: `gradjury.Client` and `gradjury.AsyncClient`."""

from importlib import import_module
from typing import Any

from gradjury.packages import import_package

import_package("verifier")  # for the modules here, which import it by its name

_MODULES = {"Client": "client", "AsyncClient": "async_client"}


class MissingExtraError(ImportError):
    """The packages that the client needs are not installed."""


def load_client(name: str = "Client") -> Any:
    """Return the class of a client. Raises: MissingExtraError with a remedy."""
    try:
        return getattr(import_module(f"gradjury.client.{_MODULES[name]}"), name)
    except ModuleNotFoundError as error:
        if error.name not in ("anyio", "httpx2"):
            raise
        raise MissingExtraError(
            f"the client needs packages that are not installed ({error.name}): "
            "pip install 'gradjury[client]'",
            name=error.name,
        ) from None
