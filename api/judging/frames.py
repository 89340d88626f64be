"""What crosses the socket between the service and a judging process: frames of data, never of objects.

A frame is its length, its kind, and the value as MessagePack, whose fields are held to their types when read:
a process that judges what strangers sent can tell the service nothing but an outcome.
"""

import asyncio
from socket import socket
from struct import Struct

from msgspec.msgpack import Decoder, encode

from api.judging.task import Failed, Judged, Refused, Stopped, Task

Content = Task | Judged | Refused | Stopped | Failed
_KINDS = (Task, Judged, Refused, Stopped, Failed)
_NUMBERS = {kind: number for number, kind in enumerate(_KINDS)}
_DECODERS: tuple[Decoder[Content], ...] = tuple(Decoder(kind) for kind in _KINDS)
_HEAD = Struct(">QB")
_FIRST, _MOST = 2**16, 2**20  # bytes to ask for: before the length is known, and at a time


def framed(content: Content) -> bytes:
    encoded = encode(content)
    return _HEAD.pack(len(encoded), _NUMBERS[type(content)]) + encoded


def next_frame(end: socket) -> Content:
    """Give what comes next, waiting for it. Raises: EOFError when the other end is gone."""
    received = bytearray()
    while wanted := _wanted(received):
        received += _some(end.recv(wanted))
    return _content(received)


async def awaited_frame(end: socket) -> Content:
    """The same of a socket that does not block, without holding up the event loop."""
    loop = asyncio.get_running_loop()
    received = bytearray()
    while wanted := _wanted(received):
        received += _some(await loop.sock_recv(end, wanted))
    return _content(received)


def _wanted(received: bytearray) -> int:
    """Give how many bytes to ask for: 0 when a frame is whole; the other end sends none beyond it unasked."""
    if len(received) < _HEAD.size:
        return _FIRST
    length, _ = _HEAD.unpack_from(received)
    return min(_MOST, _HEAD.size + int(length) - len(received))


def _some(chunk: bytes) -> bytes:
    if not chunk:
        raise EOFError
    return chunk


def _content(received: bytearray) -> Content:
    _, kind = _HEAD.unpack_from(received)
    content: Content = _DECODERS[kind].decode(memoryview(received)[_HEAD.size :])
    return content
