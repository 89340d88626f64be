"""Rows of a table are assigned, not added up."""

from verifier.diagnosis.catalogue.bug import LOCAL_RULE, Bug, BugTexts, LocalRule
from verifier.diagnosis.catalogue.rules.uses import last_of_repeated_rows

BUG = Bug(
    "repeated-rows-assigned",
    LOCAL_RULE,
    BugTexts(
        title="Rows that were looked up twice are assigned, not added up",
        right="Ē[i] = Σ over all uses of row i",
        wrong="Ē[i] = the last use's",
        explanation=(
            "Where {use} looks up a row of {place} more than once, the gradient has the last use alone."
        ),
        hint=(
            "{use} looks up a row of {place} twice: what becomes of the first contribution to its gradient "
            "when the second one arrives?"
        ),
        looks_like=(
            "Only the gradient of a table is wrong, and only in rows that were looked up more than once. If "
            "no index comes twice, it cannot be seen."
        ),
        why=(
            "`gradient[indices] += upstream` looks as if it added, but numpy reads the old row once and "
            "writes it once for each index."
        ),
        see="Look up the same row twice and sum: each entry of its gradient must be 2, and here it is 1.",
        fix="`np.add.at(gradient, indices, upstream)`",
    ),
    local_rule=LocalRule(last_of_repeated_rows),
)
