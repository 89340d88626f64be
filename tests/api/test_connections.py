"""Connections: who is closed in favour of whom, and what follows an answer before the end of a body."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from api.http.connections import CONNECTIONS, Connection, Connections
from api.server import allowed_connections, trusted_proxies
from api.settings import Settings


class Parser(asyncio.Protocol):
    """Stands for uvicorn's protocol: it notes what it is told."""

    def __init__(self, app_state: dict[str, Any], **_: Any) -> None:
        self.connection = app_state["connection"]
        self.received: list[int] = []
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.received.append(len(data))


class ParsedConnection(Connection):
    http = Parser


class Pipe(asyncio.Transport):
    """Stands for a socket: it notes what is done to it."""

    def __init__(self) -> None:
        super().__init__()
        self.done: list[str] = []

    def __getattribute__(self, name: str) -> Any:
        if name in ("abort", "write_eof", "close", "pause_reading", "resume_reading", "write"):
            return lambda *_: self.done.append(name)
        return super().__getattribute__(name)

    def is_closing(self) -> bool:
        return bool({"abort", "close"} & set(self.done))

    def can_write_eof(self) -> bool:
        return True

    def get_write_buffer_size(self) -> int:
        return 0


def connected(connections: Connections) -> tuple[ParsedConnection, Pipe]:
    connection, pipe = ParsedConnection(None, None, {CONNECTIONS: connections}), Pipe()
    connection.connection_made(pipe)
    return connection, pipe


def in_loop(work: Callable[[], Any]) -> Any:
    async def run() -> Any:
        return work()

    return asyncio.run(run())


def test_beyond_the_limit_idle_connections_close_first_then_the_oldest() -> None:
    def connect() -> list[list[str]]:
        times = iter(range(100))
        connections = Connections(Settings(most_connections=3), lambda: next(times))
        made = [connected(connections) for _ in range(3)]
        (busy, _), (sends, _), _ = made
        busy.begin_request()
        busy.end_body()
        sends.begin_request()
        for sends_at_once in (True, False, False):
            made.append(connected(connections))
            if sends_at_once:
                made[-1][0].begin_request()
        return [pipe.done for _, pipe in made]

    busy, sends, waits, fourth, fifth, sixth = in_loop(connect)
    assert waits == ["abort"]  # in favour of the fourth, which sends a body then
    assert sends == ["abort"]  # in favour of the fifth: nobody waits
    assert fifth == ["abort"]  # in favour of the sixth
    assert busy == fourth == sixth == []


@pytest.mark.parametrize(("waits", "closed"), [(0.1, "slow"), (0.6, "new")])
def test_one_that_has_just_come_is_not_closed_where_somebody_sends_slowly(waits: float, closed: str) -> None:
    def connect() -> dict[str, list[str]]:
        now = [0.0]
        connections = Connections(Settings(most_connections=2), lambda: now[0])
        slow, slow_pipe = connected(connections)
        slow.begin_request()
        now[0] = 7.0
        _, new_pipe = connected(connections)
        now[0] += waits
        connected(connections)
        return {"slow": slow_pipe.done, "new": new_pipe.done}

    done = in_loop(connect)
    assert done.pop(closed) == ["abort"]
    assert list(done.values()) == [[]]


def test_if_all_are_busy_a_new_one_is_refused_in_words() -> None:
    def connect() -> list[str]:
        connections = Connections(Settings(most_connections=1))
        busy, _ = connected(connections)
        busy.begin_request()
        busy.end_body()
        _, pipe = connected(connections)
        return pipe.done

    assert in_loop(connect) == ["write", "write_eof", "resume_reading"]


@pytest.mark.parametrize("early", [False, True])
def test_an_answer_before_the_end_of_a_body_is_followed_by_the_rest_of_it(early: bool) -> None:
    def answer() -> tuple[list[str], list[int]]:
        connection, pipe = connected(Connections(Settings()))
        parser: Parser = connection._http  # type: ignore[assignment]
        connection.begin_request()
        connection.data_received(b"{")
        if early:
            connection.discard_body()
        parser.transport.close()
        connection.data_received(b"{" * 100)
        return pipe.done, parser.received

    done, received = in_loop(answer)
    assert done == (["write_eof", "resume_reading"] if early else ["close"])
    assert received == ([1] if early else [1, 100])


def test_others_have_their_turn_while_a_large_piece_is_parsed() -> None:
    async def receive() -> list[int]:
        connection, pipe = connected(Connections(Settings()))
        parser: Parser = connection._http  # type: ignore[assignment]
        connection.data_received(bytes(40 * 2**10))
        lengths = [len(parser.received)]
        while sum(parser.received) < 40 * 2**10:
            await asyncio.sleep(0)
            lengths.append(len(parser.received))
        assert pipe.done[0] == "pause_reading"
        assert pipe.done[-1] == "resume_reading"
        return lengths

    assert asyncio.run(receive())[:3] == [1, 2, 3]


@pytest.mark.parametrize("begins", [False, True])
def test_a_head_that_does_not_come_is_not_awaited_for_ever(begins: bool) -> None:
    async def wait() -> bool:
        connection, pipe = connected(Connections(Settings(idle_seconds=0.01)))
        if begins:
            connection.begin_request()
        await asyncio.sleep(0.05)
        return pipe.done == ["abort"]

    assert asyncio.run(wait()) is not begins


def test_a_trusted_proxy_is_trusted_on_a_socket_of_ipv6_too() -> None:
    assert trusted_proxies("127.0.0.1, 10.0.0.0/8,::1") == (
        "127.0.0.1,10.0.0.0/8,::1,::ffff:127.0.0.1/128,::ffff:10.0.0.0/104"
    )
    assert trusted_proxies("*") == "*"


def test_there_are_no_more_connections_than_the_system_allows_files(monkeypatch: pytest.MonkeyPatch) -> None:
    raised = []
    monkeypatch.setattr("resource.getrlimit", lambda _: (256, 512))
    monkeypatch.setattr("resource.setrlimit", lambda _, limits: raised.append(limits))
    assert allowed_connections(800) == 312
    assert allowed_connections(50) == 50
    assert raised == [(512, 512)]
