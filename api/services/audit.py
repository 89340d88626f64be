"""The log of changes: which token changed or deleted what. It holds no names, and nothing that was sent."""

import structlog

from api.storage.records import Token


def log_change(caller: Token, action: str, assignment: str, **counts: int) -> None:
    """Write one line. counts: how many of a thing."""
    log = structlog.get_logger("gradjury.changes")
    log.info("change", action=action, assignment=assignment, token=caller.id, **counts)
