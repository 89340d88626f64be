"""Messages between the service and its worker processes, and how they are sent over a socket.

A message is sent as two lengths, its kind, its fields as MessagePack, and a file. The types of
fields are checked when they are decoded, so a compromised worker can send only an outcome.
"""

import asyncio
from dataclasses import dataclass, replace
from socket import MSG_WAITALL, socket
from struct import Struct
from typing import Literal

from msgspec.msgpack import Decoder, encode

from verifier.documents.json import DEFAULT_BOUNDS, Bounds
from verifier.problem.errors import (
    DocumentError,
    MalformedSubmission,
    OversizedSubmission,
    UnreadableSubmission,
)
from verifier.report.assignment import StudentVisibility
from verifier.report.model import Audience
from verifier.report.verdict import Verdict


@dataclass(frozen=True, slots=True)
class RenderRequest:
    """Options for rendering a report.

    media_type: the format; None if the report is not wanted as a document.
    section: render a section of a web page instead.
    entries: "worst" for the worst entries of each parameter, "all" for whole arrays.
    """

    media_type: str | None = None
    section: bool = False
    audience: Audience = Audience.GRADER
    entries: str = "worst"


NOTHING = RenderRequest()


@dataclass(frozen=True, slots=True)
class Task:
    """One submission to judge.

    declared: `json`, `npz` or `safetensors`; None to detect the format from the first bytes.
    problem: the problem as JSON, if `content` holds gradients alone; None if `content` holds both.
    oracles: names; None for the default ones.
    visibility: what students may see, if the report is rendered for them; None for the default.
    render: the report to return in `Judged.answer`.
    store: also return the JSON document, and the content, that are stored.
    bounds: limits on the size of the content.
    tolerance: the preset that replaces the document's tolerance; None to keep it.
    key: of the student, if the problem has other numbers for each; empty otherwise.
    """

    content: bytes
    declared: str | None = None
    problem: bytes | None = None
    name: str | None = None
    oracles: tuple[str, ...] | None = None
    visibility: StudentVisibility | None = None
    render: RenderRequest = NOTHING
    store: bool = False
    bounds: Bounds = DEFAULT_BOUNDS
    tolerance: str | None = None
    key: bytes = b""


@dataclass(frozen=True, slots=True)
class ReadTask:
    """A document to read, without judging anything.

    kind: `assignment`; `changes` of the assignment whose document is `base`; `evaluation` for a request of
    the uEd API; `instance` for the problem of the student with this key; `report` for a stored report to
    render; `starter` for a problem in words and the files that students start from, with the title and the
    name of the problem's file in `base`; `form` for a file with a problem, with an assignment's rules in
    `base`.
    """

    content: bytes
    kind: Literal["assignment", "changes", "evaluation", "form", "instance", "report", "starter"]
    bounds: Bounds = DEFAULT_BOUNDS
    key: bytes = b""
    render: RenderRequest = NOTHING
    base: bytes = b""


@dataclass(frozen=True, slots=True)
class ReadDocument:
    """A document without mistakes.

    content: the submission of a request, the problem of an assignment or instance, the rendered report, or
    the files that students start from.
    rules: of an assignment, without its problem. warnings: see Assignment. revision: the one that the
    document was read from; None if it names none.
    shapes, of_graph: see StoredProblem.
    Of a request of the uEd API, it has those fields that the service uses. user: the type of its sender.
    task: the id of its task. callback: True if the answer is wanted elsewhere.
    """

    content: bytes = b""
    user: str = ""
    task: str | None = None
    callback: bool = False
    rules: bytes = b""
    shapes: tuple[tuple[str, tuple[int, ...]], ...] = ()
    of_graph: bool = False
    warnings: tuple[str, ...] = ()
    revision: int | None = None


@dataclass(frozen=True, slots=True)
class Findings:
    """The parts of a report that are counted.

    parameters: (name, verdict). bugs: (bug, layer). oracles: (name, agrees); None if the oracle was not used.
    """

    verdict: Verdict
    parameters: tuple[tuple[str, Verdict], ...]
    bugs: tuple[tuple[str, int | None], ...]
    oracles: tuple[tuple[str, bool | None], ...] = ()


@dataclass(frozen=True, slots=True)
class Judged:
    """A judged submission.

    answer: the rendered report. document: the grader's report as JSON, with the explanations for students.
    content: the submitted file as it was parsed, in the format `declared`; empty if that is no shorter.
    """

    findings: Findings
    seconds: float
    answer: bytes = b""
    document: bytes = b""
    content: bytes = b""
    declared: str | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """A submission that could not be judged.

    unreadable: its format could not be read. oversized: it exceeds a bound.
    """

    errors: tuple[DocumentError, ...]
    unreadable: bool = False
    oversized: bool = False

    @classmethod
    def from_error(cls, error: MalformedSubmission) -> "Refusal":
        return cls(
            error.errors,
            unreadable=isinstance(error, UnreadableSubmission),
            oversized=isinstance(error, OversizedSubmission),
        )


@dataclass(frozen=True, slots=True)
class Stopped:
    """A submission whose judging exceeded a limit of time or memory."""

    reason: str


@dataclass(frozen=True, slots=True)
class Failed:
    """An internal error while judging: its class and traceback. Its message may hold submitted numbers."""

    kind: str
    where: str


Outcome = Judged | Refusal | Stopped
Reading = ReadDocument | Refusal | Stopped
Message = Task | ReadTask | Judged | ReadDocument | Refusal | Stopped | Failed
_KINDS = (Task, ReadTask, Judged, ReadDocument, Refusal, Stopped, Failed)
_WithFile = Task | ReadTask | ReadDocument  # their content is sent as it is, after the message
_KIND_NUMBERS = {kind: number for number, kind in enumerate(_KINDS)}
_DECODERS: tuple[Decoder[Message], ...] = tuple(Decoder(kind) for kind in _KINDS)
_HEADER = Struct(">QQBQ")  # length of the message, length of the file, kind, number of the task
_FIRST_READ = 2**16  # bytes to read before the lengths are known
_LARGEST_READ = 2**20  # bytes of one read


def encode_frames(message: Message, task: int) -> tuple[bytes, bytes]:
    """Return the header with the message, and the file. They are sent in this order.

    task: the number of the task that is sent or answered.
    """
    kind, file = _KIND_NUMBERS[type(message)], b""
    if isinstance(message, _WithFile):
        message, file = replace(message, content=b""), message.content
    encoded = encode(message)
    return _HEADER.pack(len(encoded), len(file), kind, task) + encoded, file


def read_message(connection: socket) -> tuple[Message, int]:
    """Wait for the next message. Return it and the number of its task.

    Raise EOFError if the connection was closed.
    """
    length, file_length, kind, task = _HEADER.unpack(_read_exactly(connection, _HEADER.size))
    encoded = _read_exactly(connection, length)
    return _decode(kind, encoded, _read_exactly(connection, file_length)), task


async def read_message_async(connection: socket) -> tuple[Message, int]:
    """Return the next message of a non-blocking socket, and the number of its task.

    Raise EOFError if the connection was closed.
    """
    loop = asyncio.get_running_loop()
    received = bytearray()
    while size := _next_read(received):
        chunk = await loop.sock_recv(connection, size)
        if not chunk:
            raise EOFError
        received += chunk
    length, _, kind, task = _HEADER.unpack_from(received)
    body = memoryview(received)[_HEADER.size :]
    return _decode(kind, body[:length], bytes(body[length:])), task


def _read_exactly(connection: socket, length: int) -> bytes:
    received = connection.recv(length, MSG_WAITALL) if length else b""
    if len(received) < length:
        raise EOFError
    return received


def _next_read(received: bytearray) -> int:
    """Return the number of bytes to read next: 0 if the message is complete."""
    if len(received) < _HEADER.size:
        return _FIRST_READ  # one message is in flight at a time, so this reads nothing beyond it
    length, file_length, *_ = _HEADER.unpack_from(received)
    return min(_LARGEST_READ, _HEADER.size + int(length) + int(file_length) - len(received))


def _decode(kind: int, encoded: bytes | memoryview, file: bytes) -> Message:
    message: Message = _DECODERS[kind].decode(encoded)
    return replace(message, content=file) if isinstance(message, _WithFile) else message
