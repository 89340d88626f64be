import dataclasses

import numpy as np
import pytest

from reference_impl import (
    LOSSES,
    Batch,
    Layer,
    LayerParameters,
    Network,
    Problem,
    Risk,
    activation,
    backpropagate,
    forward,
    named,
)
from tests.drawing import draw_problem

IDENTITY = activation("identity")


def layer(inputs, outputs, name="tanh", bias=True):
    return Layer(inputs, outputs, activation(name), bias)


class TestNetwork:
    def test_neighbours_that_do_not_fit_are_told_with_what_to_do(self):
        with pytest.raises(
            ValueError, match=r"layer 1 puts out 4 numbers but layer 2 takes 5; make them equal"
        ):
            Network((layer(2, 3), layer(3, 4), layer(5, 1)))

    def test_no_layer_at_all_is_an_error(self):
        with pytest.raises(ValueError, match="at least one layer, got none"):
            Network(())

    def test_one_layer_is_a_network(self):
        assert len(Network((layer(2, 3),)).layers) == 1

    @pytest.mark.parametrize(
        ("frozen", "field"),
        [
            (Network((layer(2, 3),)), "layers"),
            (layer(2, 3), "inputs"),
            (Batch(np.eye(2), np.eye(2)), "inputs"),
        ],
        ids=["network", "layer", "batch"],
    )
    def test_nothing_of_it_can_be_changed(self, frozen, field):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(frozen, field, None)

    def test_parameters_and_data_are_read_only_float64(self):
        parameters = LayerParameters(np.ones((2, 3), dtype=np.float32), [1, 2, 3])
        batch = Batch([[1, 2]], [[3]], {0: [[1, 0]]})
        for array in (parameters.weight, parameters.bias, batch.inputs, batch.targets, batch.masks[0]):
            assert array.dtype == np.float64
            with pytest.raises(ValueError, match="read-only"):
                array[...] = 0.0
        with pytest.raises(TypeError, match="does not support item assignment"):
            batch.masks[1] = np.ones(2)


class TestNames:
    def test_stand_in_the_order_of_layers_weight_before_bias(self):
        parameters = (
            LayerParameters(np.zeros((2, 3)), np.zeros(3)),
            LayerParameters(np.zeros((3, 4)), None),
            LayerParameters(np.zeros((4, 1)), np.zeros(1)),
        )
        shapes = {name: array.shape for name, array in named(parameters)}
        assert list(shapes.items()) == [
            ("layers.0.weight", (2, 3)),
            ("layers.0.bias", (3,)),
            ("layers.1.weight", (3, 4)),
            ("layers.2.weight", (4, 1)),
            ("layers.2.bias", (1,)),
        ]


class TestForward:
    def test_two_examples_agree_with_a_calculation_by_hand(self):
        """x = (1, 2), (3, -1); hidden relu(x W + b), W = [[1, -1], [2, 0]], b = (-1, ½); output sum + 10."""
        network = Network((layer(2, 2, "relu"), layer(2, 1, "identity")))
        parameters = (
            LayerParameters([[1.0, -1.0], [2.0, 0.0]], [-1.0, 0.5]),
            LayerParameters([[1.0], [1.0]], [10.0]),
        )
        trace = forward(network, parameters, Batch([[1.0, 2.0], [3.0, -1.0]], [[0.0], [0.0]]))
        np.testing.assert_array_equal(trace.a[0], [[4.0, -0.5], [0.0, -2.5]])
        np.testing.assert_array_equal(trace.z[1], [[4.0, 0.0], [0.0, 0.0]])
        np.testing.assert_array_equal(trace.outputs, [[14.0], [10.0]])

    @pytest.mark.parametrize("widths", [[3, 2], [1, 1], [3, 5, 2], [2, 4, 1, 3], [1, 2, 3, 4, 5]], ids=str)
    @pytest.mark.parametrize("examples", [1, 6])
    def test_the_trace_keeps_the_input_and_every_layer_in_its_shape(self, widths, examples):
        problem = draw_problem(np.random.default_rng(0), widths=widths, examples=examples)
        trace = forward(problem.network, problem.parameters, problem.batch)
        assert [z.shape for z in trace.z] == [(examples, width) for width in widths]
        assert [a.shape for a in trace.a] == [(examples, width) for width in widths[1:]]
        np.testing.assert_array_equal(trace.z[0], problem.batch.inputs)
        np.testing.assert_array_equal(trace.z[-1], trace.outputs)
        assert problem.batch.size == examples

    def test_a_layer_without_a_bias_is_one_whose_bias_is_0(self):
        drawn = draw_problem(np.random.default_rng(1), bias=False, widths=[3, 4, 2])
        with_zeros = tuple(
            LayerParameters(layer.weight, np.zeros(layer.weight.shape[1])) for layer in drawn.parameters
        )
        bare = forward(drawn.network, drawn.parameters, drawn.batch)
        np.testing.assert_array_equal(bare.outputs, forward(drawn.network, with_zeros, drawn.batch).outputs)

    def test_a_mask_multiplies_a_layers_output_and_not_its_preactivation(self):
        drawn = draw_problem(np.random.default_rng(2), widths=[3, 4, 2])
        mask = np.array([[2.0, 0.0, 2.0, 0.0]] * 4)
        batch = dataclasses.replace(drawn.batch, masks={0: mask})
        plain = forward(drawn.network, drawn.parameters, drawn.batch)
        masked = forward(drawn.network, drawn.parameters, batch)
        np.testing.assert_array_equal(masked.a[0], plain.a[0])
        np.testing.assert_array_equal(masked.z[1], plain.z[1] * mask)
        assert not np.array_equal(masked.outputs, plain.outputs)

    def test_a_mask_on_the_last_layer_is_part_of_the_output(self):
        drawn = draw_problem(np.random.default_rng(2), widths=[3, 2])
        batch = dataclasses.replace(drawn.batch, masks={0: np.array([[0.0, 3.0]] * 4)})
        outputs = forward(drawn.network, drawn.parameters, batch).outputs
        np.testing.assert_array_equal(outputs[:, 0], 0.0)

    def test_parameters_of_another_number_of_layers_are_an_error(self):
        drawn = draw_problem(np.random.default_rng(3), widths=[3, 4, 2])
        with pytest.raises(ValueError, match="argument"):
            forward(drawn.network, drawn.parameters[:1], drawn.batch)

    @pytest.mark.parametrize(
        "name", ["identity", "sigmoid", "tanh", "relu", "elu", "softplus", "gelu", "silu", "softmax"]
    )
    def test_the_largest_preactivations_overflow_and_back_without_a_warning(self, name):
        """1e308 and -1e308 in one row, where the softmax's difference of logits overflows as well."""
        network = Network((Layer(2, 2, activation(name)), Layer(2, 1, IDENTITY)))
        parameters = (
            LayerParameters(np.eye(2), np.zeros(2)),
            LayerParameters(np.full((2, 1), 1e-308), [0.0]),
        )
        risk = Risk(LOSSES["mse"], 0.5)
        problem = Problem(network, parameters, Batch([[1e308, -1e308]], [[0.0]]), risk)
        trace = forward(network, parameters, problem.batch)
        assert np.isfinite(trace.outputs).all()
        gradient = backpropagate(problem)
        assert np.isfinite(gradient[1].bias).all()

    def test_what_overflows_stays_infinite_for_the_caller_to_judge(self):
        network = Network((layer(1, 1, "identity"),))
        trace = forward(network, (LayerParameters([[1e200]], None),), Batch([[1e200]], [[0.0]]))
        assert trace.outputs == np.inf
