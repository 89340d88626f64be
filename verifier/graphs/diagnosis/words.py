"""Texts for unexplained gradients, and hints that do not name a node."""

LOCAL_RULE = "local_rule"  # takes the place of the equation of a layer
UNEXPLAINED_TITLE = "No known wrong rule gives these numbers"
UNEXPLAINED_WORDS = "The error starts at {place}: it does not follow from the gradients of what uses it."
UNEXPLAINED_HINT = "Write down which nodes use {place}, and what each hands back."


def hint_without_place(bug: str) -> str:
    """Return a rule's hint without the name of a node."""
    from verifier.graphs.diagnosis.rules import (
        LOCAL_RULES,
    )  # deferred import: loads the arithmetic of all operations

    words = {"place": "the value", "use": "the node that uses it"}
    hints = {rule.id: rule.hint for rule in LOCAL_RULES}
    return hints.get(bug, UNEXPLAINED_HINT).format(**words)
