import ast
import inspect
from pathlib import Path

import pytest

import reference_impl.graph as graph
from reference_impl.graph import Operation

FILES = sorted(Path(graph.__file__).parent.glob("*.py"))


def test_the_index_is_sorted_and_complete():
    assert list(graph.__all__) == sorted(graph.__all__)
    assert all(hasattr(graph, name) for name in graph.__all__)


def test_every_operation_is_in_the_index():
    def subclasses(kind):
        return {kind}.union(*map(subclasses, kind.__subclasses__()))

    ours = {kind for kind in subclasses(Operation) if kind.__module__.startswith("reference_impl.graph.")}
    concrete = {kind.__name__ for kind in ours if not inspect.isabstract(kind)}
    assert len(concrete) >= 25
    assert concrete <= set(graph.__all__)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_the_graph_imports_numpy_itself_and_one_function_for_gelu(file):
    allowed = ("reference_impl.graph", "numpy")
    modules = [
        node.module or ""
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom)
    ]
    foreign = [
        module for module in modules if module.startswith("reference_impl") and not module.startswith(allowed)
    ]
    assert foreign == (["reference_impl.error_function"] if file.name == "functions.py" else [])
