"""Measure requests per second, latencies, errors and memory of the service under a long load.

    python -m benchmarks.load [--seconds 600] [--connections 16] [--workers 1]

The client is `wrk` (a Debian package). The memory is that of all processes of the service.
"""

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from verifier.examples.layers import example_document

_LUA = """
local requests, turn = {{}}, 0
init = function(arguments)
  wrk.headers["Content-Type"] = "application/json"
  for _, name in ipairs({{ {files} }}) do
    local file = io.open(name, "rb")
    requests[#requests + 1] = wrk.format("POST", "/v1/checks", nil, file:read("*a"))
    file:close()
  end
end
request = function()
  turn = turn + 1
  return requests[turn % #requests + 1]
end
done = function(summary, latency)
  local found = {{
    requests = summary.requests, microseconds = summary.duration, p50 = latency:percentile(50) / 1000,
    p99 = latency:percentile(99) / 1000, max = latency.max / 1000,
  }}
  for _, kind in ipairs({{ "status", "connect", "read", "write", "timeout" }}) do
    found[kind] = summary.errors[kind]
  end
  local fields = {{}}
  for name, value in pairs(found) do fields[#fields + 1] = string.format('"%s": %.1f', name, value) end
  io.stderr:write("{{" .. table.concat(fields, ", ") .. "}}\\n")
end
"""
_STOPPING_TIMEOUT = 300  # seconds: ending takes long on a busy machine
_EXAMPLES = ("wrong-layer", "sigmoid-mse", "relu-cross-entropy")


@contextmanager
def running_service(workers: int, folder: Path) -> Iterator[tuple[str, int]]:
    """Run the service on a free port and yield its URL and its process id."""
    environment = os.environ | {
        "GRADJURY_DATABASE_URL": f"sqlite:///{folder / 'gradjury.sqlite'}",
        "GRADJURY_LOG_LEVEL": "warning",
        "GRADJURY_CHECKS_PER_MINUTE": "1000000000",
        "PYTHONUNBUFFERED": "1",
    }
    gradjury = Path(sys.executable).with_name("gradjury")
    command = [str(gradjury), "serve", "--port", "0", "--workers", str(workers)]
    with (folder / "log").open("w+") as log:
        service = subprocess.Popen(command, cwd=folder, env=environment, stderr=log, stdout=log)
        try:
            yield _address(folder / "log", service), service.pid
        finally:
            service.send_signal(signal.SIGINT)
            service.wait(_STOPPING_TIMEOUT)


def _address(log: Path, service: "subprocess.Popen[bytes]") -> str:
    for _ in range(600):
        if match := re.search(r"http://127\.0\.0\.1:\d+", log.read_text()):
            return match.group()
        if service.poll() is not None:
            break
        time.sleep(0.1)
    raise SystemExit(f"the service did not start:\n{log.read_text()}")


def resident_memory(pid: int) -> int:
    """Return the memory of a process and its descendants in bytes, with shared pages counted once."""
    total, todo = 0, [pid]
    while todo:
        current = todo.pop()
        try:
            rollup = Path(f"/proc/{current}/smaps_rollup").read_text()
            threads = Path(f"/proc/{current}/task").glob("*/children")  # listed per thread
            children = " ".join(thread.read_text() for thread in threads).split()
        except OSError:  # the process has ended
            continue
        total += sum(int(kib) for kib in re.findall(r"^Pss:\s+(\d+) kB", rollup, re.M)) * 1024
        todo += [int(child) for child in children]
    return total


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=int, default=600)
    options.add_argument("--connections", type=int, default=16)
    options.add_argument("--workers", type=int, default=1)
    arguments = options.parse_args()
    if shutil.which("wrk") is None:
        raise SystemExit("this needs wrk: apt-get install wrk")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = []
        for example in _EXAMPLES:
            path = folder / f"{example}.json"
            path.write_text(json.dumps(example_document(example)))
            files.append(f'"{path}"')
        script = folder / "requests.lua"
        script.write_text(_LUA.format(files=", ".join(files)))
        with running_service(arguments.workers, folder) as (url, pid):
            warm_up(url, script, arguments.connections)
            memory: list[int] = [resident_memory(pid)]
            ended = threading.Event()

            def watch() -> None:
                while not ended.wait(max(1.0, arguments.seconds / 60)):
                    memory.append(resident_memory(pid))

            watcher = threading.Thread(target=watch)
            watcher.start()
            result = run_wrk(url, script, arguments.connections, arguments.seconds)
            ended.set()
            watcher.join()
            _print(result, memory, arguments.connections)  # before the service ends


def _print(result: Mapping[str, float], memory: Sequence[int], connections: int) -> None:
    seconds = result["microseconds"] / 1e6
    errors = {kind: int(result[kind]) for kind in ("status", "connect", "read", "write", "timeout")}
    print(f"{result['requests']:.0f} requests in {seconds:.0f} s at {connections} connections")
    print(f"{result['requests'] / seconds:.0f} a second; errors {errors}")
    print(f"latency ms: median {result['p50']:.1f}, p99 {result['p99']:.1f}, longest {result['max']:.1f}")
    mib = [size / 2**20 for size in memory]
    half = mib[len(mib) // 2 :]
    print(
        f"memory MiB: {mib[0]:.0f} at the start, {min(mib):.0f} to {max(mib):.0f}, at the end {mib[-1]:.0f} "
        f"({100 * (mib[-1] / mib[0] - 1):+.1f} %; second half {min(half):.0f} to {max(half):.0f})"
    )


def warm_up(url: str, script: Path, connections: int) -> None:
    run_wrk(url, script, connections, 10)


def run_wrk(url: str, script: Path, connections: int, seconds: int) -> dict[str, float]:
    """Run wrk and return counts, and latencies in milliseconds."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", "-s", str(script), url]
    completed = subprocess.run(command, capture_output=True, text=True, check=False)
    if not completed.stderr.strip().endswith("}"):
        raise SystemExit(f"wrk said:\n{completed.stdout}{completed.stderr}")
    result: dict[str, float] = json.loads(completed.stderr.strip().splitlines()[-1])
    return result


if __name__ == "__main__":
    main()
