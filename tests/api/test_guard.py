"""Every entrance of the service knows its caller first, then reads no more than its bound, then parses."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient
from pydantic import BaseModel

from api.app import _check_bodies
from api.http.bodies import FormFile, parse_form, read_bounded
from api.http.guard import UNKNOWN_CALLER, GuardMiddleware, Guards, RequestGuard
from api.http.problems import ProblemError
from api.pages.page_route import PageRoute
from api.pages.site import PAGES
from api.services import batches
from api.services.batches import batch_document
from api.settings import Settings
from api.storage.records import BatchItem, ItemState, Role, StoredBatch
from api.workers.turns import CALLER, SERVICE, holder
from tests.api.clients import RIGHT, Person, assignment_by, person, service_of
from tests.api.conftest import PATIENCE, Serve
from tests.api.pages.clients import COOKIE, HERE, token_of
from verifier.documents.json import to_json

PIECE = 16 * 2**10
LARGEST_BODY, LARGEST_BATCH = 100_000, 200_000
LARGEST_FORM = 4 / 3 * LARGEST_BATCH + 2**18 + 2**16  # a kept file is in base64, and there may be text
ROLES = (None, *Role)
WITHOUT_BODY = {
    "regrade",
    "regrade_page",
    "regrade_preview_page",
    "log_out",
    "cancel_batch",
    "cancel_batch_page",
}


@dataclass
class Exchange:
    """A request whose body never ends, and its answer. pulled: bytes of the body that were read."""

    scope: dict[str, Any]
    pulled: int = 0
    messages: list[dict[str, Any]] = field(default_factory=list)

    async def receive(self) -> dict[str, Any]:
        assert not self.messages, "a body is read after its answer"
        self.pulled += PIECE
        return {"type": "http.request", "body": b"[" * PIECE, "more_body": True}

    async def send(self, message: dict[str, Any]) -> None:
        self.messages.append(message)

    @property
    def status(self) -> int:
        return int(self.messages[0]["status"])

    @property
    def headers(self) -> dict[bytes, bytes]:
        return dict(self.messages[0]["headers"])


@dataclass(frozen=True)
class Entrance:
    method: str
    path: str
    operation: str
    page: bool


def entrances(app: FastAPI) -> list[Entrance]:
    """Return every operation of the OpenAPI document, and every page."""
    operations = [
        Entrance(method.upper(), path, operation["operationId"], False)
        for path, item in app.openapi()["paths"].items()
        for method, operation in item.items()
    ]
    for pages in PAGES:
        for route in pages.router.routes:
            if isinstance(route, PageRoute):
                operations += [
                    Entrance(m, route.path, str(route.operation_id), True) for m in route.methods or ()
                ]
    return operations


@pytest.fixture(scope="module")
def client(serve: Serve) -> TestClient:
    return serve(
        oracles="backpropagation", largest_body=LARGEST_BODY, largest_batch=LARGEST_BATCH, answer_grid=0
    )


@pytest.fixture(scope="module")
def people(client: TestClient) -> dict[Role | None, Person]:
    grader = person(client, Role.GRADER, "prof")
    homework = assignment_by(grader)
    return {
        None: Person(client, {}),
        Role.GRADER: grader,
        Role.STUDENT: person(client, Role.STUDENT, "ada", homework),
        Role.CI: person(client, Role.CI, "runner", homework),
    }


@pytest.fixture(scope="module")
def ids(people: dict[Role | None, Person]) -> dict[str, str]:
    (homework,) = (row["id"] for row in people[Role.GRADER].get("/v1/assignments").json())
    return {"assignment_id": homework, "name": "pytorch"} | dict.fromkeys(
        ("batch_id", "job_id", "report_id", "submission_id", "token_id"), "0" * 32
    )


def scope_of(entrance: Entrance, path: str, headers: dict[str, str]) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": entrance.method,
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "scheme": "http",
        "query_string": b"student=bob" if entrance.operation == "submit" else b"",
        "client": ("192.0.2.1", 1),
        "server": ("testserver", 80),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "state": {},
    }


@pytest.mark.parametrize("how", [{"transfer-encoding": "chunked"}, {"content-length": str(10**9)}])
@pytest.mark.parametrize("role", ROLES)
def test_no_entrance_reads_more_than_its_bound(
    client: TestClient,
    people: dict[Role | None, Person],
    ids: dict[str, str],
    role: Role | None,
    how: dict[str, str],
) -> None:
    app: Any = client.app
    for entrance in entrances(app):
        token = token_of(people[role].headers)
        kind = "application/x-ndjson" if entrance.operation == "create_batch" else "application/json"
        headers = {"content-type": kind, "host": "testserver"} | how
        if entrance.page:
            headers |= {"content-type": "multipart/form-data; boundary=b", "origin": HERE}
            headers |= {"cookie": f"{COOKIE}={token}"} if token else {}
        elif token:
            headers["authorization"] = f"Bearer {token}"
        exchange = Exchange(scope_of(entrance, entrance.path.replace(":path", "").format(**ids), headers))
        if entrance.method == "GET":
            headers |= {"last-event-id": "0"}
        asyncio.run(app(exchange.scope, exchange.receive, exchange.send))
        reads = entrance.method in ("POST", "PUT", "PATCH") and entrance.operation not in WITHOUT_BODY
        if not reads:
            assert exchange.pulled == 0, entrance
            assert exchange.status < 500, entrance
            continue
        known = role is not None or entrance.operation in ("check", "check_page", "evaluate")
        largest = UNKNOWN_CALLER if not known else LARGEST_FORM if entrance.page else LARGEST_BATCH
        assert exchange.status in (401, 403, 404, 413), entrance
        assert exchange.pulled <= largest + PIECE, entrance
        assert exchange.pulled == 0 or exchange.status == 413, entrance
        assert exchange.headers[b"connection"] == b"close", entrance


def test_a_route_whose_body_the_framework_reads_is_refused_at_the_start() -> None:
    app = FastAPI()

    class Document(BaseModel):
        field: int

    @app.post("/new")
    def new(document: Document) -> None: ...

    with pytest.raises(TypeError, match="/new: read the body by read_bounded"):
        _check_bodies(app)


def test_a_route_that_forgets_its_caller_reads_no_body() -> None:
    async def forgetful(scope: Any, receive: Any, send: Any) -> None:
        await read_bounded(Request(scope, receive), 100_000)

    exchange = Exchange(scope_of(Entrance("POST", "/new", "", False), "/new", {"content-length": "9"}))
    guarded = GuardMiddleware(forgetful, Guards(Settings()))
    with pytest.raises(RuntimeError, match="must be known"):
        asyncio.run(guarded(exchange.scope, exchange.receive, exchange.send))
    assert exchange.pulled == 0


def guard_in(guards: Guards, receive: Callable[[], Any], group: str = "") -> RequestGuard:
    """Return the guard of a request with a body. It must be called in an event loop."""
    scope = {"headers": [(b"transfer-encoding", b"chunked")], "state": {}}

    async def send(message: Any) -> None: ...

    guard = RequestGuard(guards, scope, receive, send)
    guard.begin()
    if group:
        guard.admit(holder(group))
    return guard


async def endless() -> dict[str, Any]:
    return {"type": "http.request", "body": bytes(100), "more_body": True}


async def never() -> dict[str, Any]:
    await asyncio.Event().wait()
    raise AssertionError


async def status_of(work: Any) -> int:
    try:
        await work
    except ProblemError as error:
        return int(error.status)
    return 0


def test_a_caller_has_a_quarter_of_all_bytes_and_one_body_of_any_size() -> None:
    async def take() -> list[int]:
        guards = Guards(Settings(bodies_in_work=1000))
        one, second, other = (guard_in(guards, endless, name) for name in ("ada", "ada", "bob"))
        statuses = [await status_of(one.receive()) for _ in range(4)]  # 400 of 1000
        statuses.append(await status_of(second.receive()))
        statuses += [await status_of(other.receive()) for _ in range(7)]  # 600, and no more
        one.end()
        statuses.append(await status_of(other.receive()))
        other.end()
        second.end()
        assert guards.held_by("token:ada") == guards.held_by("token:bob") == 0
        return statuses

    assert asyncio.run(take()) == [0] * 4 + [503] + [0] * 6 + [503, 0]


def test_a_body_that_does_not_come_is_refused() -> None:
    async def wait() -> int:
        return await status_of(guard_in(Guards(Settings(idle_seconds=0.01)), never).receive())

    assert asyncio.run(wait()) == HTTPStatus.REQUEST_TIMEOUT


def test_when_the_service_stops_bodies_that_are_not_complete_are_refused() -> None:
    async def stop() -> list[int]:
        guards = Guards(Settings(stopping_seconds=1))
        waiting = [asyncio.ensure_future(status_of(guard_in(guards, never).receive())) for _ in range(3)]
        await asyncio.sleep(0)
        guards.stop()
        later = await status_of(guard_in(guards, endless).receive())
        return [*await asyncio.gather(*waiting), later]

    assert asyncio.run(stop()) == [HTTPStatus.SERVICE_UNAVAILABLE] * 4


@pytest.mark.parametrize(("stops", "status"), [(False, 400), (True, 503)])
def test_work_is_given_up_if_its_client_leaves_or_the_service_ends(
    monkeypatch: pytest.MonkeyPatch, stops: bool, status: int
) -> None:
    monkeypatch.setattr("api.http.guard._GRACE", 0.0)
    cancelled = []

    async def work() -> None:
        try:
            await never()
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    async def attend() -> int:
        leaves = asyncio.Event()

        async def receive() -> dict[str, Any]:
            await leaves.wait()
            return {"type": "http.disconnect"}

        guards = Guards(Settings(stopping_seconds=1))
        guard = guard_in(guards, receive)
        guard._end_body()
        attending = asyncio.ensure_future(status_of(guard.attend(work())))
        await asyncio.sleep(0)
        if stops:
            guards.stop()
        else:
            leaves.set()
        return await attending

    assert asyncio.run(attend()) == status
    assert cancelled == [True]


def test_readiness_and_the_gallery_are_not_judged_for_each_request(client: TestClient) -> None:
    service = service_of(client)
    judge, judged = service.pool.judge, []

    async def counting(task: Any) -> Any:
        judged.append(CALLER.get())
        return await judge(task)

    service.pool.judge = counting  # type: ignore[method-assign]
    service.derived.clear()
    threads = [threading.Thread(target=client.get, args=("/examples/pytorch",)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(300)
    assert client.get("/examples/pytorch").status_code == 200
    assert judged == [SERVICE]
    service.pool.judge = judge  # type: ignore[method-assign]


def test_a_stream_of_events_ends_when_its_token_is_revoked(client: TestClient) -> None:
    service = service_of(client)
    sender = person(client, Role.CI, "runner")
    lines = {"content-type": "application/x-ndjson"}
    location = client.post(
        "/v1/batches", content=to_json(RIGHT).encode(), headers=sender.headers | lines
    ).headers["location"]
    revoked = []

    async def follow() -> bytes:
        scope = scope_of(Entrance("GET", "", "", False), f"{location}/events", sender.headers)
        sent = []

        async def send(message: dict[str, Any]) -> None:
            sent.append(message.get("body", b""))
            if sent[-1] and not revoked:
                token = sender.headers["authorization"].split("_")[1]
                revoked.append(service.repository.tokens.revoke(token, service.now()))

        await client.app(scope, never, send)
        return b"".join(sent)

    text = asyncio.run(follow())
    assert b"event: progress" in text
    assert b"event: finished" not in text
    assert revoked == [True]


def test_all_who_follow_a_batch_share_what_is_read(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundred streams of a batch counted its items a hundred times in each half second."""
    service = service_of(client)
    grader = service.repository.tokens.find(
        token_of(person(client, Role.GRADER, "eve").headers).split("_")[1]
    )
    assert grader is not None
    batch = StoredBatch("b" * 32, "grader:eve", None, 1, service.now())
    service.repository.batches.add(batch, [BatchItem(batch.id, 0, "x", state=ItemState.REFUSED)])
    read = []
    monkeypatch.setattr(
        batches, "batch_document", lambda *_: read.append(1) or batch_document(service, batch)
    )

    async def follow() -> list[str]:
        return [event.name async for event in batches.follow_batch(service, grader[0], batch, None)]

    async def follow_often() -> list[list[str]]:
        return await asyncio.gather(*(follow() for _ in range(20)))

    assert asyncio.run(follow_often()) == [["finished"]] * 20
    assert len(read) == 1


def test_a_caller_leaves_threads_to_others(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """While as many requests of one caller are answered as there are threads, another one is answered."""
    slow, released = threading.Semaphore(0), threading.Event()
    ada, bob = (person(client, Role.GRADER, name) for name in ("ada", "bob"))
    store = service_of(client).repository.assignments
    find = type(store).list

    def wait(self: Any, owner: str, ids: Any) -> Any:
        if owner == "ada":
            slow.release()
            assert released.wait(PATIENCE)
        return find(self, owner, ids)

    monkeypatch.setattr(type(store), "list", wait)
    with ThreadPoolExecutor(60) as crowd:
        waiting = [crowd.submit(ada.get, "/v1/assignments") for _ in range(60)]
        assert slow.acquire(timeout=PATIENCE)
        assert bob.get("/v1/assignments").status_code == 200
        released.set()
        assert {each.result().status_code for each in waiting} == {200}


def test_a_form_of_line_breaks_is_split_at_its_boundary() -> None:
    lines = b"\r\n-" * 1000
    part = b'--b\r\nContent-Disposition: form-data; name="text"\r\n\r\n%s\r\n'
    file = b'--b \t\r\ncontent-disposition: form-data; name="file"; filename="\xc3\xa9.json"\r\n\r\n{}\r\n'
    request = Request({"type": "http", "headers": [(b"content-type", b"multipart/form-data; boundary=b")]})
    form = parse_form(request, b"preamble\r\n" + part % lines + file + part % b"" + b"--b--\r\nepilogue")
    assert form.fields == (("text", lines.decode()), ("text", ""))
    assert form.files == (FormFile("file", "é.json", b"{}"),)
    for broken in (b"", b"--b", part % b"", part % b"" + b"--bx\r\n\r\n--b--", b"--b\r\n" + b"x" * 20_000):
        with pytest.raises(ProblemError, match="broken multipart"):
            parse_form(request, broken)


def test_a_caller_has_only_so_many_streams(client: TestClient) -> None:
    limits = service_of(client).rate_limits
    with ExitStack() as streams:
        for _ in range(32):
            streams.enter_context(limits.open_stream("token:ada"))
        with pytest.raises(ProblemError) as refused:
            streams.enter_context(limits.open_stream("token:ada"))
        assert refused.value.status == HTTPStatus.TOO_MANY_REQUESTS
        streams.enter_context(limits.open_stream("token:bob"))
    with limits.open_stream("token:ada"):
        pass
