"""The drawing of a network: where the error begins, and what only inherits it."""

from tests.pairwise import each
from tests.verifier.builders import small_document, with_value
from verifier import verify
from verifier.examples.layers import example_document
from verifier.exporters.page.network_drawing import (
    MOST_BOXES,
    detail_of,
    drawing,
    layer_of,
    layer_states,
    state_of,
)
from verifier.exporters.page.wording import network_line
from verifier.exporters.student_view import to_student_view
from verifier.report.model import Diagnosis, LayerOutline, LossReport, ParameterReport
from verifier.report.report import Report
from verifier.report.verdict import Verdict, overall_verdict

RIGHT, WRONG, UNDECIDED, MISSING = Verdict.CORRECT, Verdict.INCORRECT, Verdict.UNDECIDED, Verdict.MISSING


def row(layer: int | None, equation: str = "hidden_delta") -> Diagnosis:
    return Diagnosis("bug", layer, equation, (), None, None, (), "", "", "", "", "")


def report(layers: list[tuple[Verdict, Verdict]], rows: list[Diagnosis]) -> Report:
    parameters = {}
    for index, (weight, bias) in enumerate(layers):
        parameters[f"layers.{index}.weight"] = ParameterReport(f"layers.{index}.weight", (2, 2), weight)
        parameters[f"layers.{index}.bias"] = ParameterReport(f"layers.{index}.bias", (2,), bias)
    verdict = overall_verdict(row.verdict for row in parameters.values())
    return Report(
        verdict, LossReport(0.5, 0.0, {"name": "mse"}), parameters, (), (), {}, 0.0, diagnosis=tuple(rows)
    )


@each(
    [
        ([(RIGHT, RIGHT)] * 2, [], ["right", "right"], "Every layer is right."),
        (
            [(WRONG, WRONG), (WRONG, WRONG), (RIGHT, RIGHT)],
            [row(1)],
            ["inherits the error", "first wrong", "right"],
            "The error begins in layer 1; layer 0 inherits the error from above.",
        ),
        (
            [(WRONG, WRONG), (WRONG, RIGHT)],
            [row(0), row(1, "weight_gradient")],
            ["first wrong", "first wrong"],
            "The error begins in layers 0 and 1.",
        ),
        ([(WRONG, WRONG)] * 2, [row(None, "loss")], ["wrong", "wrong"], "Layers 0 and 1 are wrong."),
        ([(WRONG, RIGHT), (RIGHT, RIGHT)], [], ["wrong", "right"], "Layer 0 is wrong."),
        ([(RIGHT, MISSING)], [], ["missing"], "A gradient of layer 0 is missing."),
        ([(RIGHT, UNDECIDED), (RIGHT, RIGHT)], [], ["undecided", "right"], "Layer 0 is undecided."),
        ([(MISSING, UNDECIDED), (WRONG, MISSING)], [row(1)], ["missing", "first wrong"], None),
    ]
)
def test_each_layer_has_the_state_of_its_gradients(layers, rows, states, line):
    actual = layer_states(report(layers, rows))
    assert [layer.state for layer in actual] == states
    assert line is None or network_line(actual) == line


def test_a_wrong_layer_of_an_example_is_where_the_diagnosis_says():
    report_of_example = verify(example_document("wrong-layer"))
    (placed,) = {finding.layer for finding in report_of_example.diagnosis}
    assert [layer.index for layer in layer_states(report_of_example) if layer.state == "first wrong"] == [
        placed
    ]


@each(
    [
        ("layers.0.weight", 0),
        ("layers.12.bias", 12),
        ("layers.x.bias", None),
        ("layers", None),
        ("", None),
        ("other.0.bias", None),
        ("layers.²", None),
        ("layers.99999999999999999999.bias", None),
    ]
)
def test_a_parameters_name_tells_its_layer_or_nothing(name, layer):
    assert layer_of(name) == layer


def test_a_report_without_its_network_is_drawn_by_its_shapes():
    graded = verify(small_document())
    student = to_student_view(graded)
    assert student.network == ()
    shapes = [(layer.outline.inputs, layer.outline.outputs) for layer in layer_states(student)]
    assert shapes[-1][1] == graded.network[-1].outputs
    assert [layer[1] for layer in shapes] == [layer.outputs for layer in graded.network]
    assert {layer.outline.activation for layer in layer_states(student)} == {""}


def test_of_many_layers_those_that_matter_are_shown_and_the_rest_counted():
    layers = [(RIGHT, RIGHT)] * 400
    layers[:251] = [(WRONG, WRONG)] * 251
    drawn = drawing(layer_states(report(layers, [row(250)])))
    assert len(drawn.boxes) <= MOST_BOXES
    assert sum(len(box.layers) for box in drawn.boxes) == 400
    alone = [box for box in drawn.boxes if len(box.layers) == 1]
    assert {0, 250, 399} <= {box.layers[0].index for box in alone}
    together = max(drawn.boxes, key=lambda box: len(box.layers))
    assert detail_of(together) == f"{len(together.layers)} layers"
    assert str(state_of(together)) == "inherits the error"


def test_a_layer_says_its_shape_activation_and_whether_it_lacks_a_bias():
    document = with_value(small_document(), ["network", "layers", 0, "activation"], "tanh")
    (first, *_) = drawing(layer_states(verify(document))).boxes
    outline = verify(document).network[0]
    assert detail_of(first) == f"{outline.inputs} → {outline.outputs}, tanh"
    assert LayerOutline(1, 2) != LayerOutline(1, 2, bias=False)
