"""Can a caller be somebody else, or put something of his own where others read it?

    python -m benchmarks.attacks.callers

Tokens and cookies in odd places and forms, ids of others, forged headers of proxies, and texts that mean
something in logs, tables and pages.
"""

import csv
import io
import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from http.client import HTTPConnection, HTTPResponse
from urllib.parse import quote

from api.service import utc_now
from api.services.tokens import issue
from api.storage.database import open_repository
from api.storage.records import Role
from benchmarks.support.attacking import Table, answer_of, connect
from benchmarks.support.service import ASSIGNMENT, EXAMPLE, RunningService, request_json, running_service

_SECRET = "Canary-of-another-student"
_METHODS = ("get", "post", "put", "patch", "delete")
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
Seen = tuple[str, bool]


def main() -> int:
    table = Table("callers: who somebody seems to be, and what he can write where others read")
    with running_service(processes=1) as service:
        for name, attack in _ATTACKS.items():
            table.row(name, *attack(service))
    with running_service("--no-worker", refused_per_minute=10, processes=1) as service:
        table.row("X-Forwarded-For with a first address of one's own", *_forwarded_chain(service))
    return table.end()


def _token_in_odd_places(service: RunningService) -> Seen:
    """Send a grader's token wherever but in the header Authorization."""
    text = service.tokens["grader"]["authorization"].split()[1]
    path = "/v1/assignments"
    places: list[tuple[str, dict[str, str]]] = [
        (f"{path}?{name}={text}", {}) for name in ("token", "access_token", "authorization", "bearer", "key")
    ]
    places += [
        (path, {name: text})
        for name in ("x-api-key", "x-auth-token", "proxy-authorization", "x-forwarded-authorization", "token")
    ]
    places += [(path, {"cookie": f"{name}={text}"}) for name in ("gradjury-token", "__Host-gradjury-token")]
    statuses = Counter(_ask(service, "GET", place, headers)[0] for place, headers in places)
    in_log = service.log.read_text().count(text.rpartition("_")[2])
    return f"{_shown(statuses)}; secret in the log {in_log} times", set(statuses) == {401} and not in_log


def _tokens_alike(service: RunningService) -> Seen:
    """Send texts that are almost a grader's token."""
    grader, student = (service.tokens[role]["authorization"].split()[1] for role in ("grader", "student"))
    head, identity, secret = grader.split("_", 2)
    other = student.split("_", 2)[2]
    texts = (
        grader[:-1],
        grader + "A",
        grader + "\x00",
        grader.swapcase(),
        f"{head}_{identity.upper()}_{secret}" if identity.upper() != identity else f"{head}_0_{secret}",
        f"{head}_{identity}_{other}",
        f"{head}_{identity}_",
        f"{head}_{identity}",
        f"{head}_{identity}_{quote(secret[:1])}%{ord(secret[1]):02x}{secret[2:]}",
        f"{head}__{identity}_{secret}",
        f'"{grader}"',
        f"{student}, Bearer {grader}",
        grader.replace("_", "＿"),  # noqa: RUF001 -- a wide underscore is meant
        "gradjury_%_" + secret,
        "gradjury_' OR 1=1 --_x",
    )
    statuses = Counter(_raw_status(service, "/v1/assignments", text) for text in texts)
    return _shown(statuses), set(statuses) <= {400, 401} and 401 in statuses


def _dead_tokens(service: RunningService) -> Seen:
    """Use tokens that expired or were revoked, at the API and as cookies of pages."""
    repository = open_repository(f"sqlite:///{service.log.parent / 'gradjury.sqlite'}")
    opens = frozenset({service.ids["assignment_id"]})
    moment = utc_now() - timedelta(hours=2)
    _, expired = issue(repository.tokens, Role.GRADER, "late", opens, moment, timedelta(hours=1))
    token, revoked = issue(repository.tokens, Role.GRADER, "gone", opens, utc_now(), None)
    alive = _ask(service, "GET", "/v1/assignments", _bearer(revoked))[0]
    repository.tokens.revoke(token.id, utc_now())
    repository.close()
    statuses = Counter[int]()
    for text in (expired, revoked):
        for path in _paths_of(service):
            statuses[_ask(service, "GET", path, _bearer(text))[0]] += 1
        for page in ("/assignments", f"/assignments/{service.ids['assignment_id']}", "/batches"):
            statuses[_ask(service, "GET", page, {"cookie": f"gradjury-token={text}"})[0]] += 1
    return f"{_shown(statuses)}; before, {alive}", set(statuses) == {401} and alive == 200


def _others_everywhere(service: RunningService) -> Seen:
    """Ask every operation and page for the objects of a class with the token of another one's student."""
    student, grader = _other_class(service)
    seen, leaks = Counter[int](), list[str]()
    name, markers = service.ids["submission_id"], (service.ids["submission_id"], service.ids["report_id"])
    for token in (student, grader):
        for method, path in _operations(service):
            if not re.search("|".join(service.ids.values()), path) or "examples" in path:
                continue
            status, _, body = _ask(service, method, path, _bearer(token), b"{}" if method != "GET" else None)
            seen[status] += 1
            if status < 400 or any(marker in body.decode(errors="replace") for marker in markers):
                leaks.append(f"{method} {path.replace(name, '…')} {status}")
        for page in (
            f"/assignments/{service.ids['assignment_id']}",
            f"/assignments/{service.ids['assignment_id']}/grades.csv",
            f"/assignments/{service.ids['assignment_id']}/problem.json",
            f"/assignments/{service.ids['assignment_id']}/submissions/{service.ids['submission_id']}",
            f"/reports/{service.ids['report_id']}",
            f"/reports/{service.ids['report_id']}/file",
        ):
            status, _, _ = _ask(service, "GET", page, {"cookie": f"gradjury-token={token}"})
            seen[status] += 1
            leaks += [page] if status < 400 else []
    return f"{_shown(seen)}; open: {leaks[:3]}", not leaks and max(seen) < 500


def _tags_of_others(service: RunningService) -> Seen:
    """Ask with If-None-Match whether another's report is a known one."""
    student, _ = _other_class(service)
    path = f"/v1/reports/{service.ids['report_id']}"
    status, headers, _ = _ask(service, "GET", path, dict(service.tokens["student"]))
    tag = headers["etag"]
    own = _ask(service, "GET", path, {**service.tokens["student"], "if-none-match": tag})[0]
    statuses = [
        _ask(service, "GET", path, {**bearer, "if-none-match": value})[0]
        for value in (tag, "*", f"W/{tag}", f'"x", {tag}')
        for bearer in (_bearer(student), {}, _bearer("gradjury_0123456789abcdef_x"))
    ]
    cache = headers["cache-control"]
    seen = f"its student {status}, then {own}; others {_shown(Counter(statuses))}; {cache}"
    return seen, (status, own) == (200, 304) and set(statuses) <= {401, 404} and "private" in cache


def _odd_ids(service: RunningService) -> Seen:
    """Ask for objects under ids that are nearly those of some that exist."""
    there = service.ids["assignment_id"]
    wide = there.translate({ord(c): ord(c) + 0xFEE0 for c in "0123456789abcdef"})
    odd = (
        f"{there}%00", f"{there}%2f", f"%2f{there}", f"..%2f{there}", f"{there}%2e%2e", f"{there}%0a",
        f"{there}%20", there.upper() + "%C2%A0", quote(wide), "a" * 60_000, "%ff" * 20, "%", "%zz", "*",
        "'%20OR%20'1'='1", f"{there};x=1", f"{there}%3fx", "0", "-1", "null", "undefined", "%F0%9F%92%A9",
    )  # fmt: skip
    grader = dict(service.tokens["grader"])
    statuses = Counter[int]()
    for identity in odd:
        for form in ("/v1/assignments/{}", "/v1/reports/{}", "/v1/batches/{}/events", "/v1/batches/{}"):
            statuses[_raw_status(service, form.format(identity), grader["authorization"].split()[1])] += 1
    queries = ("after=99999999999999999999", "most=-1", "after=1e9", "after=%00", "counts=BEST", "most=1001")
    batch = _batch(service, grader)
    for query in queries:
        statuses[_ask(service, "GET", f"/v1/batches/{batch}/reports?{query}", grader)[0]] += 1
    allowed = {200, 400, 404, 422}
    well = set(statuses) <= allowed and statuses[200] <= 1
    return _shown(statuses), well


def _keys_of_others(service: RunningService) -> Seen:
    """Send another's batch under another's Idempotency-Key, and guess ids of batches."""
    places = [
        _send_batch(service, {**service.tokens[role], "idempotency-key": "homework-1"})
        for role in ("grader", "ci", "grader")
    ]
    foreign = [_ask(service, "GET", places[0], dict(service.tokens[role]))[0] for role in ("ci", "student")]
    own = places[0] == places[2]
    seen = f"grader's key again gives the same batch: {own}; to others the batch is {foreign}"
    return seen, own and places[0] != places[1] and foreign == [404, 403]


def _foreign_forms(service: RunningService) -> Seen:
    """Send forms with a student's cookie as pages of other sites would."""
    homework = service.ids["assignment_id"]
    cookie = f"gradjury-token={service.tokens['student']['authorization'].split()[1]}"
    here = f"127.0.0.1:{service.port}"
    before = len(_submissions(service))
    forged: Sequence[dict[str, str]] = (
        {},
        {"origin": "null"},
        {"origin": "http://evil.example"},
        {"origin": f"http://{here}.evil.example"},
        {"origin": f"http://evil.example/{here}"},
        {"origin": f"http://{here}@evil.example"},
        {"origin": ""},
        {"origin": "http://127.0.0.1"},
        {"sec-fetch-site": "cross-site", "origin": f"http://{here}"},
        {"sec-fetch-site": "same-site", "origin": f"http://{here}"},
        {"sec-fetch-site": "none", "origin": f"http://{here}"},
        {"sec-fetch-site": ""},
        {"referer": f"http://{here}/assignments"},
        {"x-forwarded-host": "evil.example", "origin": "http://evil.example"},
        {"host": "", "origin": ""},
    )
    body = _form(json.dumps({"gradients": EXAMPLE["gradients"]}))
    kinds = (
        "multipart/form-data; boundary=b",
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/json",
    )
    statuses = Counter[int]()
    for headers in forged:
        for kind in kinds:
            path = f"/assignments/{homework}/submissions"
            sent = {"content-type": kind, "cookie": cookie, **headers}
            statuses[_ask(service, "POST", path, sent, body)[0]] += 1
    bare = _ask(service, "POST", f"/v1/assignments/{homework}/submissions", {"cookie": cookie}, body)[0]
    kept = len(_submissions(service)) - before
    return f"{_shown(statuses)}; API {bare}; {kept} kept", set(statuses) <= {
        400,
        403,
    } and bare == 401 and not kept


def _forged_names(service: RunningService) -> Seen:
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
        status, answered, content = _ask(service, method, path, {**headers, **forged}, body)
        text = content.decode() + str(answered)
        said += [f"{status} {path}"] if "evil.example" in text or status >= 500 else []
    return f"6 answers, forged in {said}", not said


def _methods(service: RunningService) -> Seen:
    """Send methods that are none of an address, and methods in headers, with a grader's token."""
    grader, before = dict(service.tokens["grader"]), len(_submissions(service))
    homework = service.ids["assignment_id"]
    paths = [path for method, path in _operations(service) if method == "GET"][:12]
    paths += ["/", "/login"]
    statuses = Counter[int]()
    for path in paths:
        for method in ("HEAD", "OPTIONS", "TRACE", "QUERY", "SEARCH", "DELETE", "LOCK", "get", "P" * 300):
            if (method, path) not in _operations(service):
                statuses[_ask(service, method, path, {**grader, "cookie": "a=" + _SECRET})[0]] += 1
    for header in ("x-http-method-override", "x-method-override", "x-http-method"):
        path = f"/v1/assignments/{homework}"
        statuses[_ask(service, "GET", path, {**grader, header: "DELETE"})[0]] += 1
    _, _, traced = _ask(service, "TRACE", "/", {"cookie": _SECRET})
    echoed = _SECRET in traced.decode(errors="replace")
    kept = len(_submissions(service)) == before
    well = set(statuses) <= {200, 400, 404, 405} and statuses[200] == 3 and not echoed and kept
    return f"{_shown(statuses)}; TRACE echoes: {echoed}", well


def _log_lines(service: RunningService) -> Seen:
    """Put line breaks, escapes and JSON into everything that a log might hold."""
    begun = len(service.log.read_text())
    evil = '%0d%0a{"event":"forged"}%1b[2J'
    for path in (f"/{evil}", f"/v1/reports/{evil}", f"/v1/examples/{evil}", f"/login?to={evil}"):
        _ask(service, "GET", path, {"user-agent": "x\t\x1b[2J", "x-request-id": 'a"}{"event":"forged"}'})
    for raw in (
        b"GET / HTTP/1.1\r\nhost: x\r\nx-request-id: a\x1bb\r\n\r\n",
        b'{"event": "forged"}\r\n\r\n',
        b"GET /\x1b[2J\r\n HTTP/1.1\r\n\r\n",
        b"\xff\xfe\r\n\r\n",
    ):
        with connect(service.port, raw) as connection:
            answer_of(connection, 5)
    document = {**EXAMPLE, "name": '\n{"event": "forged"}'}
    _ask(service, "POST", "/v1/checks", {}, json.dumps(document).encode())
    lines = service.log.read_text()[begun:].splitlines()
    forged = [line for line in lines if '"event": "forged"' in line or '"event":"forged"' in line]
    broken = [line for line in lines if not (_is_json(line) or re.match(r"(INFO|WARNING): ", line))]
    return f"{len(lines)} lines, {len(forged)} forged, {len(broken)} of no form", bool(lines) and not (
        forged + broken
    )


def _is_json(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _names_in_reports(service: RunningService) -> Seen:
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
                status, headers, content = _ask(service, "POST", "/v1/checks", {"accept": kind}, body)
                statuses[status] += 1
                if fault := _live(headers["content-type"], content.decode(errors="replace")):
                    found.append(f"{payload!r} in {kind}: {fault}")
    return f"{_shown(statuses)}; live: {found[:2]}", not found and max(statuses) < 500 and statuses[200] > 50


def _names_of_students(service: RunningService) -> Seen:
    """Have submissions of students with such names, and read the tables and pages of their class."""
    grader = dict(service.tokens["grader"])
    title = {**ASSIGNMENT, "title": _MARKUP}
    homework = request_json(service.port, "POST", "/v1/assignments", grader, title)[2]["id"]
    body = json.dumps({"gradients": EXAMPLE["gradients"]}).encode()
    statuses = Counter(
        _ask(service, "POST", f"/v1/assignments/{homework}/submissions?student={quote(name)}", grader, body)[
            0
        ]
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
        status, answered, content = _ask(service, "GET", path, headers)
        fault = _live(answered["content-type"], content.decode())
        found += [f"{path} {status} {fault}"] if fault or status != 200 else []
    return f"submissions {_shown(statuses)}; live: {found[:2]}", not found and statuses[201] >= 10


def _forwarded_chain(service: RunningService) -> Seen:
    """Send bad tokens through a trusted proxy, with addresses of one's own before that which it adds."""
    bad = {"authorization": "Bearer gradjury_0123456789abcdef_" + "x" * 43}
    statuses = [
        _ask(service, "GET", "/v1/assignments", {**bad, "x-forwarded-for": f"10.1.{number}.1, 192.0.2.7"})[0]
        for number in range(30)
    ]
    return _shown(Counter(statuses)), statuses[:5] == [401] * 5 and statuses[-1] == 429


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


def _operations(service: RunningService) -> list[tuple[str, str]]:
    document = request_json(service.port, "GET", "/openapi.json", {})[2]
    ids = dict.fromkeys(("batch_id", "job_id"), "0" * 32) | dict(service.ids)
    return [
        (method.upper(), path.replace(":path", "").format(**ids))
        for path, item in document["paths"].items()
        for method in _METHODS
        if method in item
    ]


def _paths_of(service: RunningService) -> Iterator[str]:
    """Yield the addresses of everything that needs or takes a token."""
    return (path for method, path in _operations(service) if method == "GET" and "/health" not in path)


def _other_class(service: RunningService) -> tuple[str, str]:
    """Return tokens of a student and of the grader of another assignment."""
    repository = open_repository(f"sqlite:///{service.log.parent / 'gradjury.sqlite'}")
    _, grader = issue(repository.tokens, Role.GRADER, "another", frozenset(), utc_now(), None)
    other = request_json(service.port, "POST", "/v1/assignments", _bearer(grader), ASSIGNMENT)[2]["id"]
    _, student = issue(repository.tokens, Role.STUDENT, "student", frozenset({other}), utc_now(), None)
    repository.close()
    return student, grader


def _submissions(service: RunningService) -> list[object]:
    path = f"/v1/assignments/{service.ids['assignment_id']}/submissions"
    rows: list[object] = json.loads(_ask(service, "GET", path, dict(service.tokens["grader"]))[2])
    return rows


def _send_batch(service: RunningService, headers: Mapping[str, str]) -> str:
    line = json.dumps(EXAMPLE).encode()
    sent = {"content-type": "application/x-ndjson", **headers}
    _, answered, _ = _ask(service, "POST", "/v1/batches", sent, line)
    return str(answered["location"])


def _batch(service: RunningService, headers: Mapping[str, str]) -> str:
    return _send_batch(service, headers).rpartition("/")[2]


def _form(text: str) -> bytes:
    part = 'Content-Disposition: form-data; name="text"'
    return f"--b\r\n{part}\r\n\r\n{text}\r\n--b--\r\n".encode()


def _bearer(text: str) -> dict[str, str]:
    return {"authorization": f"Bearer {text}"}


def _raw_status(service: RunningService, path: str, token: str) -> int:
    """Return the status of a request whose bytes no library has checked."""
    head = f"GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\r\n"
    with connect(service.port, head.encode()) as connection:
        return answer_of(connection, 10)[0]


def _ask(
    service: RunningService, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None
) -> tuple[int, Mapping[str, str], bytes]:
    connection = HTTPConnection("127.0.0.1", service.port, timeout=120)
    connection.putrequest(method, path, skip_host="host" in headers, skip_accept_encoding=True)
    for name, value in headers.items():
        connection.putheader(name, value.encode("latin-1", "replace"))
    if body is not None:
        connection.putheader("content-length", str(len(body)))
    connection.endheaders(body)
    response: HTTPResponse = connection.getresponse()
    content = response.read()
    connection.close()
    return response.status, {name.lower(): value for name, value in response.getheaders()}, content


def _shown(statuses: Mapping[int, int]) -> str:
    return ", ".join(f"{count} × {status}" for status, count in sorted(statuses.items()))


_ATTACKS: Mapping[str, Callable[[RunningService], Seen]] = {
    "a grader's token in queries, cookies and other headers": _token_in_odd_places,
    "texts that are almost a token": _tokens_alike,
    "expired and revoked tokens, API and pages": _dead_tokens,
    "another class's tokens at every address of a class": _others_everywhere,
    "If-None-Match for another's report": _tags_of_others,
    "ids and numbers that are none": _odd_ids,
    "another's Idempotency-Key, and another's batch": _keys_of_others,
    "forms of other sites, with a student's cookie": _foreign_forms,
    "another host's name in seven headers": _forged_names,
    "methods that are none, and methods in headers": _methods,
    "lines forged in the log": _log_lines,
    "formulas, markup and escapes as names in a report": _names_in_reports,
    "formulas and markup as students and titles": _names_of_students,
}


if __name__ == "__main__":
    sys.exit(main())
