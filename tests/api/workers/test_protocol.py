"""Messages between the service and a worker process arrive as they were sent, or not at all."""

import asyncio
from socket import socketpair
from threading import Thread

import pytest
from msgspec import ValidationError

from api.workers.protocol import (
    Failed,
    Findings,
    Judged,
    Message,
    Refusal,
    RenderRequest,
    Stopped,
    Task,
    encode_frames,
    read_message,
    read_message_async,
)
from verifier.problem.errors import DocumentError
from verifier.report.assignment import StudentVisibility
from verifier.report.model import Audience
from verifier.report.verdict import Verdict

SENT: dict[str, Message] = {
    "a task": Task(
        b"\x00\xff{}",
        "json",
        b"{}",
        "hw",
        ("autograd",),
        StudentVisibility(bug=True),
        RenderRequest("text/html", audience=Audience.STUDENT, entries="all"),
    ),
    "a task of 3 MB": Task(b"x" * 3_000_000),
    "a report": Judged(
        Findings(Verdict.MISSING, (("w", Verdict.CORRECT),), (("b", None),), (("o", None),)),
        0.1,
        b"a",
        b"d",
        b"s",
    ),
    "mistakes": Refusal((DocumentError("/x", "a", "b"),), unreadable=True),
    "a limit": Stopped("too long"),
    "an error": Failed("ValueError", "  File …"),
}


@pytest.mark.parametrize("name", SENT)
def test_it_arrives_as_it_was_sent_whoever_waits_for_it(name: str) -> None:
    ours, theirs = socketpair()

    def send() -> None:
        for _ in range(2):
            theirs.sendall(b"".join(encode_frames(SENT[name], 7)))
            theirs.recv(1)

    async def receive() -> tuple[Message, int]:
        ours.setblocking(False)
        return await read_message_async(ours)

    with ours, theirs:
        sender = Thread(target=send)
        sender.start()
        assert read_message(ours) == (SENT[name], 7)
        ours.sendall(b"+")
        assert asyncio.run(receive()) == (SENT[name], 7)
        ours.sendall(b"+")
        sender.join()


@pytest.mark.parametrize("length", [0, 3, 40])
def test_one_that_breaks_off_is_told(length: int) -> None:
    ours, theirs = socketpair()
    with ours:
        with theirs:
            theirs.sendall(encode_frames(Stopped("x" * 100), 1)[0][:length])
        with pytest.raises(EOFError):
            read_message(ours)


def test_what_is_no_outcome_is_not_taken_for_one() -> None:
    ours, theirs = socketpair()
    with ours, theirs:
        theirs.sendall(encode_frames(Stopped("x"), 1)[0].replace(b"\xa6reason\xa1x", b"\xa6reason\x01\x01"))
        with pytest.raises(ValidationError):
            read_message(ours)
