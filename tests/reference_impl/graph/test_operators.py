import numpy as np
import pytest

from reference_impl.graph import Constant, Multiply, Parameter, StaticGraph

MATRIX = np.array([[1.0, 2.0], [3.0, 4.0]])

FORMULAS = [
    # the same formula is given a node and a plain array
    ("node + 2", lambda a: a + 2),
    ("2 + node", lambda a: 2 + a),
    ("node - 2", lambda a: a - 2),
    ("2 - node", lambda a: 2 - a),
    ("node * 2", lambda a: a * 2),
    ("2 * node", lambda a: 2 * a),
    ("node / 2", lambda a: a / 2),
    ("2 / node", lambda a: 2 / a),
    ("node ** 3", lambda a: a**3),
    ("-node", lambda a: -a),
    ("node @ array", lambda a: a @ MATRIX),
    ("array @ node", lambda a: MATRIX @ a),
    ("array - node", lambda a: MATRIX - a),
    ("array / node", lambda a: MATRIX / a),
    ("node @ node", lambda a: a @ a),
    ("numpy scalar * node", lambda a: np.float64(2.0) * a),
]


@pytest.mark.parametrize("formula", [row[1] for row in FORMULAS], ids=[row[0] for row in FORMULAS])
def test_a_formula_of_nodes_reads_and_computes_like_one_of_arrays(formula):
    at = np.array([[1.0, -2.0], [0.5, 4.0]])
    np.testing.assert_array_equal(StaticGraph(formula(Parameter(at))).forward(), formula(at))


def test_a_plain_number_becomes_a_constant():
    product = 3 * Parameter(2.0)
    assert isinstance(product, Multiply)
    assert isinstance(product.operands[0], Constant)
    assert product.operands[0].value == 3.0


def test_a_number_to_the_power_of_a_node_is_no_formula():
    with pytest.raises(TypeError, match="unsupported operand"):
        2 ** Parameter(1.0)
