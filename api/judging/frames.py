"""What crosses the socket between the service and a judging process: frames of data, never of objects.

A frame is its lengths and kind, the value as MessagePack, whose fields are held to their types when read, and
a task's file as it came. So a process that judges what strangers sent can tell the service nothing but an
outcome.
"""

import asyncio
from dataclasses import replace
from socket import MSG_WAITALL, socket
from struct import Struct

from msgspec.msgpack import Decoder, encode

from api.judging.task import Failed, Judged, Refused, Stopped, Task

Content = Task | Judged | Refused | Stopped | Failed
_KINDS = (Task, Judged, Refused, Stopped, Failed)
_NUMBERS = {kind: number for number, kind in enumerate(_KINDS)}
_DECODERS: tuple[Decoder[Content], ...] = tuple(Decoder(kind) for kind in _KINDS)
_HEAD = Struct(">QQB")  # lengths of the value and of the file, and the kind
_FIRST, _MOST = 2**16, 2**20  # bytes to ask for: before the lengths are known, and at a time


def framed(content: Content) -> tuple[bytes, bytes]:
    """Give what to send, one after the other."""
    kind, file = _NUMBERS[type(content)], b""
    if isinstance(content, Task):
        content, file = replace(content, content=b""), content.content
    encoded = encode(content)
    return _HEAD.pack(len(encoded), len(file), kind) + encoded, file


def next_frame(end: socket) -> Content:
    """Give what comes next, waiting for it. Raises: EOFError when the other end is gone."""
    length, of_file, kind = _HEAD.unpack(_exactly(end, _HEAD.size))
    encoded = _exactly(end, length)
    return _content(kind, encoded, _exactly(end, of_file))


async def awaited_frame(end: socket) -> Content:
    """The same of a socket that does not block, without holding up the event loop."""
    loop = asyncio.get_running_loop()
    received = bytearray()
    while wanted := _wanted(received):
        chunk = await loop.sock_recv(end, wanted)
        if not chunk:
            raise EOFError
        received += chunk
    length, _, kind = _HEAD.unpack_from(received)
    values = memoryview(received)[_HEAD.size :]
    return _content(kind, values[:length], bytes(values[length:]))


def _exactly(end: socket, length: int) -> bytes:
    received = end.recv(length, MSG_WAITALL) if length else b""
    if len(received) < length:
        raise EOFError
    return received


def _wanted(received: bytearray) -> int:
    """Give how many bytes to ask for: 0 when a frame is whole; the other end sends none beyond it unasked."""
    if len(received) < _HEAD.size:
        return _FIRST
    length, of_file, _ = _HEAD.unpack_from(received)
    return min(_MOST, _HEAD.size + int(length) + int(of_file) - len(received))


def _content(kind: int, encoded: bytes | memoryview, file: bytes) -> Content:
    content: Content = _DECODERS[kind].decode(encoded)
    return replace(content, content=file) if isinstance(content, Task) else content
