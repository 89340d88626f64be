"""What is said of a gradient that no local rule explains, and of rules where the place is withheld."""

LOCAL_RULE = "local_rule"  # what is broken, in place of an equation of layers
UNEXPLAINED_TITLE = "No known wrong rule gives these numbers"
UNEXPLAINED_WORDS = "The error starts at {place}: it does not follow from the gradients of what uses it."
UNEXPLAINED_HINT = "Write down which nodes use {place}, and what each hands back."


def hint_without_place(bug: str) -> str:
    """Give a rule's hint without naming a node."""
    from verifier.graphs.diagnosis.rules import LOCAL_RULES  # with the arithmetic of all operations

    words = {"place": "the value", "use": "the node that uses it"}
    hints = {rule.id: rule.hint for rule in LOCAL_RULES}
    return hints.get(bug, UNEXPLAINED_HINT).format(**words)
