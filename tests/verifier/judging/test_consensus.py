"""The first oracle that knows an entry gives its value; whoever contradicts it makes it disputed."""

from math import inf, nan

import numpy as np
import pytest

from verifier.engine.estimate import Answer, Estimate
from verifier.judging.consensus import Dispute, combine_answers
from verifier.report.model import Uncertainty


def answer(*values_and_errors):
    values, errors = zip(*values_and_errors, strict=True)
    return Answer({"w": Estimate(np.array(values), np.array(errors))}, Uncertainty.ESTIMATE)


NOTHING = Answer({}, Uncertainty.UNKNOWN, reason="not installed")
UNTOLD = (0.0, inf)

ROWS = [
    # (id, answers, reference values, reference errors, disputed, agrees, entries)
    ("one alone", [answer((1.0, 0.1))], [1.0], [0.1], [False], [True], [1]),
    (
        "within both errors",
        [answer((1.0, 0.1)), answer((1.3, 0.25))],
        [1.0],
        [0.1],
        [False],
        [True, True],
        [1, 1],
    ),
    (
        "beyond both errors",
        [answer((1.0, 0.1)), answer((1.5, 0.25))],
        [1.0],
        [0.1],
        [True],
        [True, False],
        [1, 1],
    ),
    (
        "the first cannot tell",
        [answer(UNTOLD), answer((2.0, 0.5))],
        [2.0],
        [0.5],
        [False],
        [None, True],
        [0, 1],
    ),
    (
        "the first has NaN",
        [answer((nan, 0.1)), answer((2.0, 0.5))],
        [2.0],
        [0.5],
        [False],
        [None, True],
        [0, 1],
    ),
    (
        "the first has infinity",
        [answer((inf, 0.1)), answer((2.0, 0.5))],
        [2.0],
        [0.5],
        [False],
        [None, True],
        [0, 1],
    ),
    ("nobody can tell", [answer(UNTOLD), answer(UNTOLD)], [nan], [inf], [False], [None, None], [0, 0]),
    ("one was not asked", [NOTHING, answer((2.0, 0.5))], [2.0], [0.5], [False], [None, True], [0, 1]),
    (
        "entry by entry",
        [answer((1.0, 0.1), UNTOLD), answer((9.0, 0.1), (3.0, 0.2))],
        [1.0, 3.0],
        [0.1, 0.2],
        [True, False],
        [True, False],
        [1, 2],
    ),
    (
        "the third contradicts the second",
        [answer(UNTOLD), answer((1.0, 0.1)), answer((2.0, 0.1))],
        [1.0],
        [0.1],
        [True],
        [None, True, False],
        [0, 1, 1],
    ),
]


@pytest.mark.parametrize(
    ("answers", "values", "errors", "disputed", "agrees", "entries"),
    [row[1:] for row in ROWS],
    ids=[row[0] for row in ROWS],
)
def test_what_the_oracles_say_together(answers, values, errors, disputed, agrees, entries):
    consensus = combine_answers({f"oracle {i}": row for i, row in enumerate(answers)}, {"w": (len(values),)})
    np.testing.assert_array_equal(consensus.reference["w"].value, values)
    np.testing.assert_array_equal(consensus.reference["w"].error, errors)
    assert consensus.disputed["w"].tolist() == disputed
    assert [item.agrees for item in consensus.evidence] == agrees
    assert [item.entries for item in consensus.evidence] == entries


def test_the_evidence_says_how_far_apart_and_where():
    consensus = combine_answers(
        {"a": answer((1.0, 0.1), (2.0, 0.1)), "b": answer((1.5, 0.1), (2.1, 0.1))}, {"w": (2,)}
    )
    assert consensus.evidence[1].max_disagreement == 0.5
    assert consensus.evidence[1].agrees is False
    assert consensus.disputes == (Dispute("a", "b", "w", 1, (0,)),)
    assert consensus.evidence[0].max_disagreement == 0.0


def test_an_oracle_that_told_nothing_does_not_count_and_says_why():
    consensus = combine_answers({"a": NOTHING}, {"w": (2,)})
    (item,) = consensus.evidence
    assert (item.agrees, item.max_disagreement, item.reason) == (None, None, "not installed")
    assert np.isnan(consensus.reference["w"].value).all()
