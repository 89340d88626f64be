import inspect

import pytest

from reference_impl.graph import GraphError, errors
from reference_impl.graph.errors import listed

TREE = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, GraphError)]


@pytest.mark.parametrize("kind", TREE, ids=lambda kind: kind.__name__)
def test_every_error_is_a_value_error_and_drawn_in_the_tree(kind):
    assert issubclass(kind, ValueError)
    assert kind.__name__ in errors.__doc__


def test_a_message_lists_ten_names_and_counts_the_rest():
    assert listed(["a", "b"]) == "a, b"
    assert listed([str(digit) for digit in range(12)]) == "0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more"
