"""Bounds of documents, and limits of time and memory that really stop a judging process."""

import io
import zipfile
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.api.conftest import Serve
from tests.api.large import network
from tests.api.test_checks import problem_of
from verifier.documents.files import write_document
from verifier.examples.layers import example_document

EXAMPLE = example_document("wrong-layer")  # two layers
BOUNDS = {
    "most_arrays": 16,
    "most_numbers": 1000,
    "most_layers": 3,
    "most_nodes": 5,
    "deepest": 8,
    "largest_inflated": 20_000,
}


@pytest.fixture(scope="module")
def bounded(serve: Serve) -> TestClient:
    return serve(oracles="backpropagation", **BOUNDS)


def chain_document(length: int, width: int = 1) -> dict[str, Any]:
    """x, tanh of it, tanh of that, …, and the sum of it all."""
    nodes = [{"name": f"n{at}", "op": "tanh", "args": [f"n{at - 1}" if at else "x"]} for at in range(length)]
    nodes.append({"name": "z", "op": "sum", "args": [nodes[-1]["name"]]})
    return {
        "network": {"nodes": nodes, "output": "z"},
        "parameters": {"x": [0.5] * width},
        "gradients": {"x": [1.0] * width},
    }


def bomb() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inputs.npy", bytes(20_001))
    return stream.getvalue()


def post(client: TestClient, content: bytes, name: str) -> Any:
    kinds = {
        "json": "application/json",
        "npz": "application/x-npz",
        "safetensors": "application/x-safetensors",
    }
    return client.post("/v1/checks", content=content, headers={"content-type": kinds[name]})


BEYOND = {
    "numbers in JSON": (network([20, 20, 20], 2), "json", 413, "at most 1000 numbers, got"),
    "numbers in npz": (network([20, 20, 20], 2), "npz", 413, "at most 1000 numbers, got"),
    "numbers in safetensors": (network([20, 20, 20], 2), "safetensors", 413, "at most 1000 numbers, got"),
    "layers in JSON": (network([1] * 5, 1), "json", 413, "at most 3 layers, got 4"),
    "nodes in JSON": (chain_document(5), "json", 413, "at most 5 nodes, got 6"),
    "nodes in npz": (chain_document(5), "npz", 413, "at most 5 nodes, got 6"),
    "arrays in npz": (network([1] * 9, 1), "npz", 413, "at most 16 arrays, got 35"),
    "arrays in safetensors": (network([1] * 9, 1), "safetensors", 413, "at most 16 arrays, got 34"),
    "nesting": (b"[" * 9, "json", 400, "at most 8 deep, got nesting 9 deep"),
    "a bomb": (bomb(), "npz", 413, "at most 20000 bytes inflated, got 20001 bytes"),
}


@pytest.mark.parametrize("case", BEYOND)
def test_what_is_beyond_a_bound_is_refused_with_the_figure_and_the_bound(
    bounded: TestClient, case: str
) -> None:
    payload, name, status, words = BEYOND[case]
    content = payload if isinstance(payload, bytes) else write_document(payload, name)
    answer = post(bounded, content, name)
    assert answer.status_code == status
    assert words in problem_of(answer)["errors"][0]["detail"]


def assert_answered(client: TestClient, document: dict[str, Any]) -> None:
    """Hold that a submission is judged; on a busy machine it may take longer than the limit, a few times."""
    assert any(client.post("/v1/checks", json=document).status_code == 200 for _ in range(30))


def test_what_is_within_the_bounds_is_judged(bounded: TestClient) -> None:
    assert bounded.post("/v1/checks", json=EXAMPLE).status_code == 200
    assert bounded.post("/v1/checks", json=chain_document(4)).status_code == 200


def test_a_submission_beyond_time_is_stopped_and_others_are_answered(serve: Serve) -> None:
    client = serve(seconds_each=2, processes=2)
    slow = write_document(network([400, 400, 400, 400], 64), "npz")
    with ThreadPoolExecutor() as threads:
        waiting = threads.submit(post, client, slow, "npz")
        assert client.get("/health/live").status_code == 200
        assert_answered(client, EXAMPLE)
        stopped = waiting.result()
    assert stopped.status_code == 413
    assert "longer than the 2 seconds" in problem_of(stopped)["detail"]
    assert_answered(client, EXAMPLE)


def test_a_graph_beyond_time_or_memory_is_stopped_likewise(serve: Serve) -> None:
    wide = chain_document(15, 2**20)
    for limit, words in (
        ({"seconds_each": 1}, "longer than the 1 seconds"),
        ({"memory_each": 2**29}, "more memory than one submission may use"),
    ):
        client = serve(processes=1, **limit)
        stopped = post(client, write_document(wide, "npz"), "npz")
        assert stopped.status_code == 413
        assert words in problem_of(stopped)["detail"]
        assert_answered(client, chain_document(4))


def test_a_submission_beyond_memory_is_stopped_and_others_are_answered(serve: Serve) -> None:
    client = serve(memory_each=2**29, seconds_each=300, processes=1)
    large = write_document(network([200] * 10, 4096), "npz")
    stopped = post(client, large, "npz")
    assert stopped.status_code == 413
    assert "memory" in problem_of(stopped)["detail"]
    assert [client.post("/v1/checks", json=EXAMPLE).status_code for _ in range(3)] == [200] * 3
