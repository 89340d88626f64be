"""Can a caller be somebody else?

    python -m benchmarks.attacks.callers

Tokens and cookies in odd places and forms, ids and keys of others, and addresses before a proxy's.
"""

import json
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from urllib.parse import quote

from api.service import utc_now
from api.services.tokens import issue
from api.storage.database import open_repository
from api.storage.records import Role
from benchmarks.support.attacking import Attack, Table, counted
from benchmarks.support.requesting import (
    ask,
    bearer,
    new_token,
    operations,
    raw_status,
    send_batch,
    submissions_of,
)
from benchmarks.support.service import ASSIGNMENT, EXAMPLE, RunningService, request_json, running_service


def main() -> int:
    table = Table("callers: who somebody seems to be")
    with running_service(processes=1) as service:
        for name, attack in _ATTACKS.items():
            table.row(name, *attack(service))
    with running_service("--no-worker", refused_per_minute=10, processes=1) as service:
        table.row("X-Forwarded-For with a first address of one's own", *_forwarded_chain(service))
    return table.end()


def _token_in_odd_places(service: RunningService) -> tuple[str, bool]:
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
    statuses = Counter(ask(service, "GET", place, headers)[0] for place, headers in places)
    in_log = service.log.read_text().count(text.rpartition("_")[2])
    return f"{counted(statuses)}; secret in the log {in_log} times", set(statuses) == {401} and not in_log


def _tokens_alike(service: RunningService) -> tuple[str, bool]:
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
    statuses = Counter(raw_status(service, "/v1/assignments", text) for text in texts)
    return counted(statuses), set(statuses) <= {400, 401} and 401 in statuses


def _dead_tokens(service: RunningService) -> tuple[str, bool]:
    """Use tokens that expired or were revoked, at the API and as cookies of pages."""
    repository = open_repository(f"sqlite:///{service.log.parent / 'gradjury.sqlite'}")
    opens = frozenset({service.ids["assignment_id"]})
    moment = utc_now() - timedelta(hours=2)
    _, expired = issue(repository.tokens, Role.GRADER, "late", opens, moment, timedelta(hours=1))
    token, revoked = issue(repository.tokens, Role.GRADER, "gone", opens, utc_now(), None)
    alive = ask(service, "GET", "/v1/assignments", bearer(revoked))[0]
    repository.tokens.revoke(token.id, utc_now())
    repository.close()
    statuses = Counter[int]()
    for text in (expired, revoked):
        for path in _paths_of(service):
            statuses[ask(service, "GET", path, bearer(text))[0]] += 1
        for page in ("/assignments", f"/assignments/{service.ids['assignment_id']}", "/batches"):
            statuses[ask(service, "GET", page, {"cookie": f"gradjury-token={text}"})[0]] += 1
    return f"{counted(statuses)}; before, {alive}", set(statuses) == {401} and alive == 200


def _others_everywhere(service: RunningService) -> tuple[str, bool]:
    """Ask every operation and page for the objects of a class with the token of another one's student."""
    student, grader = _other_class(service)
    seen, leaks = Counter[int](), list[str]()
    name, markers = service.ids["submission_id"], (service.ids["submission_id"], service.ids["report_id"])
    for token in (student, grader):
        for method, path in operations(service):
            if not re.search("|".join(service.ids.values()), path) or "examples" in path:
                continue
            status, _, body = ask(service, method, path, bearer(token), b"{}" if method != "GET" else None)
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
            status, _, _ = ask(service, "GET", page, {"cookie": f"gradjury-token={token}"})
            seen[status] += 1
            leaks += [page] if status < 400 else []
    return f"{counted(seen)}; open: {leaks[:3]}", not leaks and max(seen) < 500


def _tags_of_others(service: RunningService) -> tuple[str, bool]:
    """Ask with If-None-Match whether another's report is a known one."""
    student, _ = _other_class(service)
    path = f"/v1/reports/{service.ids['report_id']}"
    status, headers, _ = ask(service, "GET", path, dict(service.tokens["student"]))
    tag = headers["etag"]
    of_student = ask(service, "GET", path, {**service.tokens["student"], "if-none-match": tag})[0]
    statuses = [
        ask(service, "GET", path, {**caller, "if-none-match": value})[0]
        for value in (tag, "*", f"W/{tag}", f'"x", {tag}')
        for caller in (bearer(student), {}, bearer("gradjury_0123456789abcdef_x"))
    ]
    cache = headers["cache-control"]
    seen = f"its student {status}, then {of_student}; others {counted(Counter(statuses))}; {cache}"
    return seen, (status, of_student) == (200, 304) and set(statuses) <= {401, 404} and "private" in cache


def _odd_ids(service: RunningService) -> tuple[str, bool]:
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
            statuses[raw_status(service, form.format(identity), grader["authorization"].split()[1])] += 1
    queries = ("after=99999999999999999999", "most=-1", "after=1e9", "after=%00", "counts=BEST", "most=1001")
    batch = _batch(service, grader)
    for query in queries:
        statuses[ask(service, "GET", f"/v1/batches/{batch}/reports?{query}", grader)[0]] += 1
    allowed = {200, 400, 404, 422}
    well = set(statuses) <= allowed and statuses[200] <= 1
    return counted(statuses), well


def _keys_of_others(service: RunningService) -> tuple[str, bool]:
    """Send another's batch under another's Idempotency-Key, and guess ids of batches."""
    places = [
        send_batch(service, {**service.tokens[role], "idempotency-key": "homework-1"})
        for role in ("grader", "ci", "grader")
    ]
    foreign = [ask(service, "GET", places[0], dict(service.tokens[role]))[0] for role in ("ci", "student")]
    same_place = places[0] == places[2]
    seen = f"grader's key again gives the same batch: {same_place}; to others the batch is {foreign}"
    return seen, same_place and places[0] != places[1] and foreign == [404, 403]


def _foreign_forms(service: RunningService) -> tuple[str, bool]:
    """Send forms with a student's cookie as pages of other sites would."""
    homework = service.ids["assignment_id"]
    cookie = f"gradjury-token={service.tokens['student']['authorization'].split()[1]}"
    here = f"127.0.0.1:{service.port}"
    before = len(submissions_of(service))
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
            statuses[ask(service, "POST", path, sent, body)[0]] += 1
    bare = ask(service, "POST", f"/v1/assignments/{homework}/submissions", {"cookie": cookie}, body)[0]
    kept = len(submissions_of(service)) - before
    well = set(statuses) <= {400, 403} and bare == 401 and not kept
    return f"{counted(statuses)}; API {bare}; {kept} kept", well


def _forwarded_chain(service: RunningService) -> tuple[str, bool]:
    """Send bad tokens through a trusted proxy, with addresses of one's own before that which it adds."""
    bad = {"authorization": "Bearer gradjury_0123456789abcdef_" + "x" * 43}
    statuses = [
        ask(service, "GET", "/v1/assignments", {**bad, "x-forwarded-for": f"10.1.{number}.1, 192.0.2.7"})[0]
        for number in range(30)
    ]
    return counted(Counter(statuses)), statuses[:5] == [401] * 5 and statuses[-1] == 429


def _paths_of(service: RunningService) -> Iterator[str]:
    """Yield the addresses of everything that needs or takes a token."""
    return (path for method, path in operations(service) if method == "GET" and "/health" not in path)


def _other_class(service: RunningService) -> tuple[str, str]:
    """Return tokens of a student and of the grader of another assignment."""
    grader = new_token(service, Role.GRADER, "another")
    other = request_json(service.port, "POST", "/v1/assignments", bearer(grader), ASSIGNMENT)[2]["id"]
    return new_token(service, Role.STUDENT, "student", other), grader


def _batch(service: RunningService, headers: Mapping[str, str]) -> str:
    return send_batch(service, headers).rpartition("/")[2]


def _form(text: str) -> bytes:
    part = 'Content-Disposition: form-data; name="text"'
    return f"--b\r\n{part}\r\n\r\n{text}\r\n--b--\r\n".encode()


_ATTACKS: Mapping[str, Attack] = {
    "a grader's token in queries, cookies and other headers": _token_in_odd_places,
    "texts that are almost a token": _tokens_alike,
    "expired and revoked tokens, API and pages": _dead_tokens,
    "another class's tokens at every address of a class": _others_everywhere,
    "If-None-Match for another's report": _tags_of_others,
    "ids and numbers that are none": _odd_ids,
    "another's Idempotency-Key, and another's batch": _keys_of_others,
    "forms of other sites, with a student's cookie": _foreign_forms,
}


if __name__ == "__main__":
    sys.exit(main())
