"""The client of a GradJury service: `gradjury.Client` and `gradjury.AsyncClient`."""

from importlib import import_module
from types import ModuleType

from gradjury.packages import import_package

import_package("verifier")  # for the modules here, which import it by its name


class MissingExtraError(ImportError):
    """The packages that the client needs are not installed."""


def load_client() -> ModuleType:
    """Return the module with the clients. Raises: MissingExtraError with a remedy."""
    try:
        return import_module("gradjury.client.client")
    except ModuleNotFoundError as error:
        if error.name not in ("anyio", "httpx2"):
            raise
        raise MissingExtraError(
            f"the client needs packages that are not installed ({error.name}): "
            "pip install 'gradjury[client]'",
            name=error.name,
        ) from None
