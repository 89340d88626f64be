"""Measure requests per second of the service, compared with an echo of the same JSON by its framework.

    python -m benchmarks.throughput [--seconds 15] [--connections 16]

Requires `wrk`. The submissions are correct and of size 4-8-3, N = 8. Either all answer one problem, as in a
class, or each has its own problem, and there are more problems than a judging process caches. Client and
service share the machine. Therefore the benchmark also prints the processor time per request of the
responding process, the minimum of three runs.
The service runs with its defaults (one responding process, one judging process per core), with one worker and
one judging process, and with two of each. Finally, submissions of 109,386 parameters are sent as safetensors
and checked in this process, each with a different problem than the previous one.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from statistics import median

import numpy as np

os.environ.setdefault("OMP_NUM_THREADS", "1")

from benchmarks.judging import document
from benchmarks.load import run_wrk, running_service
from benchmarks.support.processor_time import processor_seconds
from verifier.documents.files import parse_bytes
from verifier.pipeline.layers import verify

_LUA = """
wrk.method = "POST"
wrk.path = "/v1/checks"
wrk.headers["Content-Type"] = "application/json"
local bodies, next = {{}}, 0
for line in io.lines("{file}") do bodies[#bodies + 1] = line end
request = function()
  next = next % #bodies + 1
  return wrk.format(nil, nil, nil, bodies[next])
end
done = function(summary, latency)
  local fields = {{
    requests = summary.requests, microseconds = summary.duration, p50 = latency:percentile(50) / 1000,
    p99 = latency:percentile(99) / 1000, status = summary.errors.status + summary.errors.timeout,
  }}
  local written = {{}}
  for name, value in pairs(fields) do written[#written + 1] = string.format('"%s": %.3f', name, value) end
  io.stderr:write("{{" .. table.concat(written, ", ") .. "}}\\n")
end
"""
_LARGE = ([784, 128, 64, 10], 32)
_PROBLEMS = 12_000  # a judging process caches about 1,400
_RUNS = 3
_SERVICES = (
    ("as it comes", 1, None),
    ("one and one", 1, "1"),
    ("two and two", 2, "1"),
)  # label, workers, judging processes of each


def as_lists(value: object) -> object:
    if isinstance(value, dict):
        return {key: as_lists(inner) for key, inner in value.items()}
    return value.tolist() if isinstance(value, np.ndarray) else value


@contextmanager
def echo_server(port: int = 8999) -> Iterator[tuple[str, int]]:
    command = [sys.executable, "-m", "uvicorn", "benchmarks.support.echo_app:app", "--port", str(port),
               "--no-access-log", "--http", "h11", "--log-level", "warning"]  # fmt: skip
    server = subprocess.Popen(command)
    try:
        time.sleep(3)
        yield f"http://127.0.0.1:{port}", server.pid
    finally:
        server.terminate()
        server.wait(20)


def measure_rate(url: str, pid: int, script: Path, connections: int, seconds: int) -> float:
    """Return requests per second, and print the processor time per request of this process."""
    run_wrk(url, script, connections, 5)
    rates, costs = [], []
    for _ in range(_RUNS):
        before = processor_seconds(pid)
        result = run_wrk(url, script, connections, max(1, seconds // _RUNS))
        costs.append((processor_seconds(pid) - before) / result["requests"] * 1e6)
        assert result["status"] == 0, f"{result['status']} requests failed"
        rates.append(result["requests"] / result["microseconds"] * 1e6)
        print(f"    {rates[-1]:7.0f} a second; median {result['p50']:.1f} ms, p99 {result['p99']:.1f} ms")
    if min(costs) > 1:  # otherwise child processes responded
        print(f"    {min(costs):7.0f} µs of processor time a request in the process that answers")
    return median(rates)


def safetensors_of(submission: dict) -> bytes:
    from safetensors.numpy import save

    tensors = {
        f"{kind}.{name}": np.ascontiguousarray(array)
        for kind in ("parameters", "gradients")
        for name, array in submission[kind].items()
    }
    tensors |= {"inputs": submission["inputs"], "targets": submission["targets"]}
    rest = {key: submission[key] for key in ("network", "loss")}
    return save(tensors, {"submission": json.dumps(rest)})


def wait_for(url: str) -> None:
    """Wait until the workers listen, which can be some time after the address is printed."""
    for _ in range(300):
        try:
            connection = HTTPConnection(url.removeprefix("http://"), timeout=5)
            connection.request("GET", "/health/ready")
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise SystemExit(f"{url} does not answer")


def measure_large(url: str) -> None:
    contents = [safetensors_of(document(*_LARGE, seed)) for seed in range(8)]  # only one is cached
    connection = HTTPConnection(url.removeprefix("http://"))
    headers = {"Content-Type": "application/x-safetensors"}
    http_times, local_times = [], []
    for i in range(32):
        content = contents[i % len(contents)]
        started = time.perf_counter()
        connection.request("POST", "/v1/checks", content, headers)
        response = connection.getresponse()
        report_document = json.loads(response.read())
        http_times.append(time.perf_counter() - started)
        assert (response.status, report_document["verdict"]) == (200, "correct")
        started = time.perf_counter()
        report = verify(parse_bytes(content, declared="safetensors"))
        json.dumps(report.to_dict())
        local_times.append(time.perf_counter() - started)
    a, b = median(http_times) * 1e3, median(local_times) * 1e3
    print(f"109,386 parameters as safetensors ({len(contents[0]) / 1e6:.1f} MB)")
    print(f"    {a:.1f} ms over HTTP, {b:.1f} ms here: {a / b:.2f} x")


def script_of(folder: Path, name: str, problems: int) -> Path:
    """Write the script of wrk and its submissions, one per line, each with a different problem."""
    with (folder / f"{name}.jsonl").open("w") as file:
        for seed in range(problems):
            file.write(json.dumps(as_lists(document([4, 8, 3], 8, seed))) + "\n")
    script = folder / f"{name}.lua"
    script.write_text(_LUA.format(file=folder / f"{name}.jsonl"))
    return script


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=int, default=15)
    options.add_argument("--connections", type=int, default=16)
    arguments = options.parse_args()
    if shutil.which("wrk") is None:
        raise SystemExit("this needs wrk: apt-get install wrk")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        scripts = {
            "a class": script_of(folder, "class", 1),
            "each its own": script_of(folder, "own", _PROBLEMS),
        }
        print("echo, one process")
        with echo_server() as (url, pid):
            echo = measure_rate(url, pid, scripts["a class"], arguments.connections, arguments.seconds)
        rates = {}
        for label, workers, judges in _SERVICES:
            os.environ.pop("GRADJURY_PROCESSES", None)
            if judges:
                os.environ["GRADJURY_PROCESSES"] = judges  # of each worker
            with running_service(workers, folder) as (url, pid):
                wait_for(url)
                for problems, script in scripts.items():
                    print(f"the service, {label}, {problems}")
                    requests_per_second = measure_rate(
                        url, pid, script, arguments.connections, arguments.seconds
                    )
                    rates[label, problems] = requests_per_second
                if judges is None:
                    measure_large(url)
        for (label, problems), requests_per_second in rates.items():
            print(f"{label}, {problems}: {100 * requests_per_second / echo:.0f} % of echo")
        for problems in scripts:
            ratio = rates["two and two", problems] / rates["one and one", problems]
            print(f"two and two, {problems}: {ratio:.2f} x one and one")


if __name__ == "__main__":
    main()
