"""Can a caller put something of his own where others read it: in logs, tables, pages and addresses?

    python -m benchmarks.attacks.injections

Names that mean something in other formats, forged headers of proxies, and methods that are none.
"""

import csv
import io
import json
import re
import sys
from collections import Counter
from collections.abc import Mapping
from urllib.parse import quote

from benchmarks.support.attacking import Attack, Table, answer_of, connect, counted
from benchmarks.support.requesting import ask, operations, submissions_of
from benchmarks.support.service import ASSIGNMENT, EXAMPLE, RunningService, request_json, running_service

_SECRET = "Canary-of-another-student"
_MARKUP = '<img src=x onerror="alert(1)">'
_PAYLOADS = (
    _MARKUP,
    "</script><script>alert(1)</script>",
    "]]><x>",
    "=1+cmd|' /C calc'!A0",
    "\t=1+1",
    "+1",
    "-1",
    "@SUM(1)",
    "{{7*7}}${7*7}",
    "javascript:alert(1)",
    "\x1b[31mred",
    "a\r\nset-cookie: x=y",
    '"><svg/onload=alert(1)>',
    "|a|b|\n|-|-|",
    "::error::stop",
    "‮evil",
)
_FORMATS = (
    "application/json",
    "text/html",
    "text/csv",
    "text/markdown",
    "text/plain",
    "application/sarif+json",
    "application/xml",
    "application/pdf",
)
_FORMULA = re.compile(r"[=+@\t\r]|-(?![0-9.])")


def main() -> int:
    table = Table("injections: what a caller can write where others read")
    with running_service(processes=1) as service:
        for name, attack in _ATTACKS.items():
            table.row(name, *attack(service))
    return table.end()


def _forged_names(service: RunningService) -> tuple[str, bool]:
    """Pretend to be a proxy of another host: no address in an answer may be the forged one."""
    forged = {
        "host": "evil.example",
        "x-forwarded-host": "evil.example",
        "x-forwarded-proto": "https",
        "x-forwarded-prefix": "/evil.example",
        "forwarded": "host=evil.example;proto=https",
        "x-original-url": "/evil.example",
        "x-rewrite-url": "/metrics",
    }
    token = service.tokens["student"]
    homework = service.ids["assignment_id"]
    cookie = {"cookie": f"__Host-gradjury-token={token['authorization'].split()[1]}"}
    said = []
    for method, path, headers in (
        ("GET", "/", {}),
        ("GET", "/login?to=//evil.example", {}),
        ("GET", "/assignments", cookie),
        ("GET", f"/assignments/{homework}", cookie),
        ("POST", f"/v1/assignments/{homework}/submissions", dict(token)),
        ("GET", "/openapi.json", {}),
    ):
        body = json.dumps({"gradients": EXAMPLE["gradients"]}).encode() if method == "POST" else None
        status, answered, content = ask(service, method, path, {**headers, **forged}, body)
        text = content.decode() + str(answered)
        said += [f"{status} {path}"] if "evil.example" in text or status >= 500 else []
    return f"6 answers, forged in {said}", not said


def _methods(service: RunningService) -> tuple[str, bool]:
    """Send methods that are none of an address, and methods in headers, with a grader's token."""
    grader, before = dict(service.tokens["grader"]), len(submissions_of(service))
    homework = service.ids["assignment_id"]
    paths = [path for method, path in operations(service) if method == "GET"][:12]
    paths += ["/", "/login"]
    statuses = Counter[int]()
    for path in paths:
        for method in ("HEAD", "OPTIONS", "TRACE", "QUERY", "SEARCH", "DELETE", "LOCK", "get", "P" * 300):
            if (method, path) not in operations(service):
                statuses[ask(service, method, path, {**grader, "cookie": "a=" + _SECRET})[0]] += 1
    for header in ("x-http-method-override", "x-method-override", "x-http-method"):
        path = f"/v1/assignments/{homework}"
        statuses[ask(service, "GET", path, {**grader, header: "DELETE"})[0]] += 1
    _, _, traced = ask(service, "TRACE", "/", {"cookie": _SECRET})
    echoed = _SECRET in traced.decode(errors="replace")
    kept = len(submissions_of(service)) == before
    well = set(statuses) <= {200, 400, 404, 405} and statuses[200] == 3 and not echoed and kept
    return f"{counted(statuses)}; TRACE echoes: {echoed}", well


def _log_lines(service: RunningService) -> tuple[str, bool]:
    """Put line breaks, escapes and JSON into everything that a log might hold."""
    begun = len(service.log.read_text())
    evil = '%0d%0a{"event":"forged"}%1b[2J'
    for path in (f"/{evil}", f"/v1/reports/{evil}", f"/v1/examples/{evil}", f"/login?to={evil}"):
        ask(service, "GET", path, {"user-agent": "x\t\x1b[2J", "x-request-id": 'a"}{"event":"forged"}'})
    for raw in (
        b"GET / HTTP/1.1\r\nhost: x\r\nx-request-id: a\x1bb\r\n\r\n",
        b'{"event": "forged"}\r\n\r\n',
        b"GET /\x1b[2J\r\n HTTP/1.1\r\n\r\n",
        b"\xff\xfe\r\n\r\n",
    ):
        with connect(service.port, raw) as connection:
            answer_of(connection, 5)
    document = {**EXAMPLE, "name": '\n{"event": "forged"}'}
    ask(service, "POST", "/v1/checks", {}, json.dumps(document).encode())
    lines = service.log.read_text()[begun:].splitlines()
    forged = [line for line in lines if '"event": "forged"' in line or '"event":"forged"' in line]
    broken = [line for line in lines if not (_is_json(line) or re.match(r"(INFO|WARNING): ", line))]
    seen = f"{len(lines)} lines, {len(forged)} forged, {len(broken)} of no form"
    return seen, bool(lines) and not forged + broken


def _is_json(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _names_in_reports(service: RunningService) -> tuple[str, bool]:
    """Name a submission, its gradients and a graph's parameters by what other formats take for their own."""
    found, statuses = list[str](), Counter[int]()
    for payload in _PAYLOADS:
        for document in (
            {**EXAMPLE, "name": payload},
            {**EXAMPLE, "gradients": {**EXAMPLE["gradients"], payload: [1.0]}},
            _graph_with(payload),
        ):
            for kind in _FORMATS:
                body = json.dumps(document).encode()
                status, headers, content = ask(service, "POST", "/v1/checks", {"accept": kind}, body)
                statuses[status] += 1
                if fault := _live(headers["content-type"], content.decode(errors="replace")):
                    found.append(f"{payload!r} in {kind}: {fault}")
    return f"{counted(statuses)}; live: {found[:2]}", not found and max(statuses) < 500 and statuses[200] > 50


def _names_of_students(service: RunningService) -> tuple[str, bool]:
    """Have submissions of students with such names, and read the tables and pages of their class."""
    grader = dict(service.tokens["grader"])
    title = {**ASSIGNMENT, "title": _MARKUP}
    homework = request_json(service.port, "POST", "/v1/assignments", grader, title)[2]["id"]
    body = json.dumps({"gradients": EXAMPLE["gradients"]}).encode()
    statuses = Counter(
        ask(service, "POST", f"/v1/assignments/{homework}/submissions?student={quote(name)}", grader, body)[0]
        for name in _PAYLOADS
    )
    cookie = {"cookie": f"gradjury-token={grader['authorization'].split()[1]}"}
    found = []
    for path, headers in (
        (f"/v1/assignments/{homework}/grades.csv", grader),
        (f"/v1/assignments/{homework}/overview", grader),
        (f"/assignments/{homework}", cookie),
        ("/assignments", cookie),
        (f"/assignments/{homework}/grades.csv", cookie),
    ):
        status, answered, content = ask(service, "GET", path, headers)
        fault = _live(answered["content-type"], content.decode())
        found += [f"{path} {status} {fault}"] if fault or status != 200 else []
    return f"submissions {counted(statuses)}; live: {found[:2]}", not found and statuses[201] >= 10


def _live(kind: str, text: str) -> str:
    """Return what of a text is live in a format of this kind; empty if nothing is."""
    if "csv" in kind:
        cells = [cell for row in csv.reader(io.StringIO(text)) for cell in row]
        formulas = [cell for cell in cells if _FORMULA.match(cell) and not _is_number(cell)]
        return f"the cell {formulas[0]!r}" if formulas else ""
    if "html" in kind:
        live = re.search(r"<img src=x|<script>alert|<svg/onload|href=\"javascript", text)
        return live[0] if live else ""
    if "json" in kind:
        json.loads(text)
        return ""
    control = re.search("[\x00-\x08\x0b-\x1f\x7f\u202e]", text)
    return f"the character {control[0]!r}" if control else ""


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _graph_with(parameter: str) -> dict[str, object]:
    nodes = [{"name": "loss", "op": "sum", "args": [parameter]}]
    return {
        "network": {"nodes": nodes, "output": "loss"},
        "parameters": {parameter: [1.0, 2.0]},
        "gradients": {parameter: [1.0, 3.0]},
    }


_ATTACKS: Mapping[str, Attack] = {
    "another host's name in seven headers": _forged_names,
    "methods that are none, and methods in headers": _methods,
    "lines forged in the log": _log_lines,
    "formulas, markup and escapes as names in a report": _names_in_reports,
    "formulas and markup as students and titles": _names_of_students,
}


if __name__ == "__main__":
    sys.exit(main())
