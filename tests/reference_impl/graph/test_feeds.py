import numpy as np
import pytest

from reference_impl.graph import Constant, FeedError, Input, Parameter
from reference_impl.graph.static_graph import match_feeds

X, Y, WEIGHT, TWO = Input("x"), Input("y"), Parameter(1.0, "weight"), Constant(2.0, "two")
NODES = [X, Y, WEIGHT, TWO]


def test_leaves_are_fed_by_name_or_by_node_and_parameters_only_at_will():
    assert match_feeds(NODES, {"x": 1.0, Y: 2}) == {X: 1.0, Y: 2.0}
    assert match_feeds(NODES, {"x": 1.0, "y": 2.0, "weight": 3.0})[WEIGHT] == 3.0


def test_everything_wrong_is_reported_at_once():
    with pytest.raises(FeedError) as caught:
        match_feeds(NODES, {"z": 1.0, "two": 3.0, "weight": "heavy"})
    message = str(caught.value)
    for part in [
        "'z' is no input",
        "'two' is no input",
        "'weight': 'heavy' is not made",
        "'x' is missing",
        "'y' is missing",
    ]:
        assert part in message
    assert "here: 'x', 'y'" in message


def test_a_leaf_fed_twice_is_refused():
    with pytest.raises(FeedError, match="'x' is given twice, by name and by node"):
        match_feeds(NODES, {"x": 1.0, X: 1.0, Y: 2.0})


def test_a_node_of_another_graph_is_not_mistaken_for_one_of_the_same_name():
    with pytest.raises(FeedError, match="'x' is no input or parameter of this graph"):
        match_feeds(NODES, {Input("x"): 1.0, Y: 2.0})


def test_a_direction_may_leave_inputs_out():
    assert match_feeds(NODES, {"y": np.float32(1)}, required=False) == {Y: 1.0}
