"""Settings of the service, each from the environment variable of its name with the prefix GRADJURY_."""

from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """largest_body: bytes of one request. largest_inflated: bytes that an npz may inflate to.

    oracles: names separated by commas; empty for all.
    """

    model_config = SettingsConfigDict(env_prefix="GRADJURY_", frozen=True)

    largest_body: int = 64 * 2**20
    largest_inflated: int = 256 * 2**20
    oracles: str = ""
    concurrent_checks: int = 4

    @property
    def oracle_names(self) -> list[str] | None:
        """The oracles to ask; None for all of them."""
        return [name.strip() for name in self.oracles.split(",")] if self.oracles else None
