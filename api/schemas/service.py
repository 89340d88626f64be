"""Models of the service's own state, and problem documents."""

from typing import Literal

from pydantic import BaseModel, Field


class MistakeDocument(BaseModel):
    pointer: str = Field(description="JSON pointer, RFC 6901; empty for the whole document")
    detail: str = Field(description="the rule, the value and a fix, as one sentence")
    expected: str | None = Field(None, description="the rule")
    actual: str | None = Field(None, description="the value, without its numbers")
    remedy: str | None = Field(None, description="a fix, if there is one")


class ProblemDocument(BaseModel):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[MistakeDocument] | None = None


class Readiness(BaseModel):
    status: Literal["ready", "not ready"]
    storage: bool = Field(description="whether the database takes a write")
    oracles: dict[str, bool | None] = Field(description="whether it agrees; null where it gave no answer")


class VersionDocument(BaseModel):
    name: Literal["gradjury"]
    version: str
    report: str = Field(description="the schema of reports")
