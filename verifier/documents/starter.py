"""A problem in words, and the files that students start from."""

import json
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from reference_impl.losses import Penalty
from reference_impl.problem import Problem
from verifier.documents.reading import AnySubmission, names_of, read_any_submission
from verifier.problem.graph import node_name
from verifier.problem.submission import GraphSubmission, Submission

GRADIENTS_FILE = "gradients.npz"
_LOSSES = {
    "mse": "squared error",
    "cross_entropy": "cross entropy",
    "binary_cross_entropy": "binary cross entropy",
    "mae": "absolute error",
}
_ON = {"logits": " of the last layer's outputs, which are logits", "probabilities": " of probabilities"}
_MOST_LISTED = 12  # names in a sentence


@dataclass(frozen=True, slots=True)
class Starter:
    """A problem in words, the shapes of its gradients by name, a Python file and a Jupyter notebook."""

    words: tuple[str, ...]
    shapes: Mapping[str, tuple[int, ...]]
    code: str
    notebook: str


def write_starter(problem: Mapping[str, Any], title: str, file: str) -> Starter:
    """Return what students start from.

    The files read the problem, have an empty backward pass, and write the gradients. The notebook is JSON in
    nbformat 4.5.

    Parameters
    ----------
    problem : mapping
        A document without gradients.
    title : str
    file : str
        The name of the file that holds the problem.

    Raises
    ------
    MalformedSubmission
        If the document is invalid.

    Examples
    --------
    >>> from verifier.examples.layers import example_document
    >>> for sentence in write_starter(example_document("sigmoid-mse"), "Homework", "problem.json").words:
    ...     print(sentence)
    The network has 2 layers: 2 inputs → 2 (sigmoid) → 2 (sigmoid). Weights have the shape (in, out), and each row of the inputs is an example.
    The batch has 1 example.
    The loss is 0.5 times the squared error, summed over the outputs and averaged over the examples.
    """  # noqa: E501
    question = read_any_submission({**problem, "gradients": {}, "reported_loss": None})
    if isinstance(question, GraphSubmission):
        words = tuple(_graph_in_words(question))
    else:
        words = tuple(_layers_in_words(question))
    shapes = _shapes(problem, question)
    cells = (_reading_cell(problem, question, file), *_writing_cells(question, shapes))
    comment = "\n".join(map(_as_comment, (title, *words)))
    code = comment + "\n\n" + "\n".join(cells)
    return Starter(words, shapes, code, _notebook(title, words, cells, file))


def _notebook(title: str, words: Sequence[str], sources: Sequence[str], file: str) -> str:
    listed = "\n".join(f"- {sentence}" for sentence in words)
    steps = (
        f"Put `{file}` beside this notebook, write `backward`, run all cells, and hand in `{GRADIENTS_FILE}`."
    )
    text = f"# {_one_line(title)}\n\n{listed}\n\n{steps}"
    cells: list[dict[str, Any]] = [{"cell_type": "markdown", "id": "words", "metadata": {}, "source": text}]
    cells += [
        {
            "cell_type": "code",
            "execution_count": None,
            "id": f"cell-{number}",
            "metadata": {},
            "outputs": [],
            "source": source.strip("\n"),
        }
        for number, source in enumerate(sources)
    ]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    document = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(document, ensure_ascii=False, indent=1)


def _layers_in_words(question: Submission) -> Iterator[str]:
    problem, convention = question.problem, question.convention
    layers = problem.network.layers
    shape = "(in, out)" if convention.weights == "in_out" else "(out, in)"
    axis = "row" if convention.examples == "rows" else "column"
    path = " → ".join(f"{layer.outputs} ({layer.activation.name})" for layer in layers)
    yield (
        f"The network has {_count(len(layers), 'layer')}: {_count(layers[0].inputs, 'input')} → {path}. "
        f"Weights have the shape {shape}, and each {axis} of the inputs is an example."
    )
    masks = " Dropout is fixed by the problem's masks." if problem.batch.masks else ""
    yield f"The batch has {_count(problem.batch.size, 'example')}.{masks}"
    yield _loss_in_words(problem)


def _loss_in_words(problem: Problem) -> str:
    risk = problem.risk
    name = _LOSSES.get(risk.loss.name, risk.loss.name.replace("_", " "))
    factor = "" if risk.factor == 1.0 else f"{risk.factor:g} times "
    over = {"mean": "averaged", "sum": "summed"}
    reductions = f"{over[risk.batch]} over the examples"
    if risk.loss.name != "cross_entropy":
        first = over[risk.outputs]
        reductions = (
            f"{first} over the outputs and the examples"
            if risk.outputs == risk.batch
            else f"{first} over the outputs and {reductions}"
        )
    penalties = "".join(map(_penalty_in_words, risk.penalties))
    return f"The loss is {factor}the {name}{_ON.get(risk.on, '')}, {reductions}{penalties}."


def _penalty_in_words(penalty: Penalty) -> str:
    of = "squares" if penalty.norm == "l2" else "absolute values"
    what = "weights and biases" if penalty.biases else "weights"
    per_example = ", divided by the number of examples" if penalty.batch == "mean" else ""
    return (
        f", plus {penalty.factor * penalty.strength:g} times the sum of the {of} of all {what}{per_example}"
    )


def _graph_in_words(question: GraphSubmission) -> Iterator[str]:
    problem = question.problem
    operations = _count(len(problem.nodes), "operation")
    yield f"The problem is a graph of {operations}, and its output is {problem.output}."
    for words, arrays in (("inputs", problem.inputs), ("parameters", problem.parameters)):
        if arrays:
            named = [f"{name} {_shape(np.shape(array))}" for name, array in arrays.items()]
            yield f"Its {words}: {_listed(named)}."
    yield f"Hand in the gradients of the output by {_listed(list(problem.requested))}."


def _reading_cell(problem: Mapping[str, Any], question: AnySubmission, file: str) -> str:
    """Return the part that reads the problem."""
    reading = (
        _arrays("inputs")
        if isinstance(question, GraphSubmission)
        else 'inputs, targets = np.array(problem["inputs"]), np.array(problem["targets"])'
    )
    return (
        "import json\n\nimport numpy as np\n\n"
        f'with open("{file}") as stream:\n    problem = json.load(stream)\n'
        f"{_parameters(problem, question)}\n{reading}\n"
    )


def _writing_cells(question: AnySubmission, shapes: Mapping[str, tuple[int, ...]]) -> tuple[str, str]:
    """Return the backward pass, and the part that writes the gradients."""
    leaves = "inputs" if isinstance(question, GraphSubmission) else "inputs, targets"
    lines = "".join(f'    #   "{name}": {_shape(shape)}\n' for name, shape in shapes.items())
    return (
        f"\ndef backward(parameters, {leaves}):\n"
        f'    """Return the gradient of the loss by name."""\n'
        f"    gradients = {{}}\n    # Fill in an array of the same shape for each of these names:\n"
        f"{lines}    return gradients\n\n",
        f"gradients = backward(parameters, {leaves})\n"
        f'np.savez("{GRADIENTS_FILE}", **gradients)\n'
        f'print("wrote {GRADIENTS_FILE}")\n',
    )


def _parameters(problem: Mapping[str, Any], question: AnySubmission) -> str:
    if isinstance(problem["parameters"], Mapping):
        return _arrays("parameters")
    names = ", ".join(f'"{name}"' for name in names_of(question))
    return f'parameters = dict(zip([{names}], map(np.array, problem["parameters"])))'


def _arrays(field: str) -> str:
    """Return the line that reads a field's arrays by name."""
    return f'{field} = {{name: np.array(value) for name, value in problem["{field}"].items()}}'


def _shapes(problem: Mapping[str, Any], question: AnySubmission) -> dict[str, tuple[int, ...]]:
    """Return the shapes of a submission's gradients, by the names that the document has for them."""
    if isinstance(question, GraphSubmission):
        shapes = question.problem.shapes()
        return {key: shapes[node_name(key)] for key in question.problem.requested}
    parameters = problem["parameters"]
    named = (
        parameters
        if isinstance(parameters, Mapping)
        else dict(zip(names_of(question), parameters, strict=True))
    )
    return {str(name): tuple(np.shape(value)) for name, value in named.items()}


def _shape(shape: tuple[int, ...]) -> str:
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _listed(names: list[str]) -> str:
    shown = names[:_MOST_LISTED]
    rest = f" and {len(names) - len(shown)} more" if len(names) > len(shown) else ""
    return ", ".join(shown) + rest


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _as_comment(text: str) -> str:
    """Return a text as lines of a comment of Python."""
    return textwrap.fill(_one_line(text), 88, initial_indent="# ", subsequent_indent="#   ")
