"""Malformed requests with wrong forms, headers, methods, paths or tokens, one row per kind."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from types import MappingProxyType

from benchmarks.support.service import EXAMPLE
from verifier.documents.files import write_document

_BODY = write_document(EXAMPLE, "json")
_JSON = {"content-type": "application/json"}
_CHECKS = "/v1/checks"


@dataclass(frozen=True, slots=True)
class Request:
    """HTTP request. `content-length` is added to the headers unless it is present.

    line: replaces the request line.
    """

    method: str = "POST"
    path: str = _CHECKS
    headers: Mapping[str, str] = field(default_factory=lambda: _JSON)
    body: bytes = _BODY
    line: bytes | None = None

    def raw(self) -> bytes:
        """Return the bytes to send."""
        sized = {"content-length": str(len(self.body)), **self.headers}
        if "transfer-encoding" in self.headers and "content-length" not in self.headers:
            del sized["content-length"]
        head = "".join(f"{name}: {value}\r\n" for name, value in {"host": "x", **sized}.items())
        line = self.line if self.line is not None else f"{self.method} {self.path} HTTP/1.1".encode()
        return line + b"\r\n" + head.encode("latin-1", "replace") + b"\r\n" + self.body


def _text(random: Random, length: int = 40) -> str:
    return "".join(random.choice("abcXYZ019-_.;=/\"' ,") for _ in range(random.randrange(1, length)))


def _content_type(random: Random) -> Request:
    return Request(headers={"content-type": "x" + _text(random)})


def _form_without_boundary(random: Random) -> Request:
    ending = random.choice(("", "; boundary=", "; boundary=;", "; charset=utf-8"))
    return Request(headers={"content-type": "multipart/form-data" + ending})


def _broken_form(random: Random) -> Request:
    part = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.json"\r\n\r\n' + _BODY
    whole = random.choice((part + b"\r\n" + part, part)) + b"\r\n--b--\r\n"
    content = random.choice(
        (
            whole[: random.randrange(len(part) - 5)],
            part + b"\r\n" + part + b"\r\n--b--\r\n",
            b"--b--\r\n",
            whole.replace(b"Content-Disposition", b"X"),
            b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\nx\r\n--b--\r\n',
            random.randbytes(300),
        )
    )
    return Request(headers={"content-type": "multipart/form-data; boundary=b"}, body=content)


def _accept(random: Random) -> Request:
    return Request(headers={**_JSON, "accept": random.choice(("image/png", "x/y;q=1", "*/*;q=0", "a;b;c"))})


def _method(random: Random) -> Request:
    method = random.choice(("PATCH", "DELETE", "TRACE", "FOO", "get", "PROPFIND", "A" * 500))
    return Request(method, random.choice((_CHECKS, "/v1/catalogue", "/v1/nothing", "/health/live")))


def _path(random: Random) -> Request:
    path = random.choice(
        ("/v1/../../etc/passwd", "/v1/%00", "//", "/v1/checks/", "/v1/reports", "/%ff%fe", "/v1/checks%2f",
         "/" + "a" * random.randrange(5_000), "/v1/examples/" + "%41" * 999, "/.git/config", "/v1/CHECKS")
    )  # fmt: skip
    return Request("GET", path, {}, b"")


def _query(random: Random) -> Request:
    return Request(path=f"{_CHECKS}?{random.choice(('entries', 'audience'))}={random.randrange(10**9)}")


def _token(random: Random) -> Request:
    text = random.choice(
        ("Bearer " + _text(random), "Basic eDp5", "Bearer", "gradjury_x_y", "\x7f", "é" * 50)
    )
    path = random.choice((_CHECKS, "/v1/catalogue", "/v1/assignments"))
    return Request("POST" if path == _CHECKS else "GET", path, {**_JSON, "authorization": text})


def _no_token(random: Random) -> Request:
    path = random.choice(("/v1/assignments", "/v1/reports/x", "/v1/assignments/x/submissions"))
    return Request("GET", path, {}, b"")


def _length(random: Random) -> Request:
    wrong = random.choice(("abc", "-1", "1e3", "0x10", "1, 2", "+5", "", "9" * 30, str(10**12)))
    return Request(headers={**_JSON, "content-length": wrong}, body=b"")


def _transfer(random: Random) -> Request:
    coding = random.choice(("gzip", "nonsense", "chunked, chunked", "identity"))
    return Request(headers={**_JSON, "transfer-encoding": coding}, body=b"0\r\n\r\n")


def _chunks(random: Random) -> Request:
    body = random.choice(
        (b"zz\r\n", b"-5\r\nhello\r\n", b"ffffffffffffffffffffff\r\n", b"5\r\nhelloXX0\r\n\r\n")
    )
    return Request(headers={**_JSON, "transfer-encoding": "chunked"}, body=body)


def _compressed(random: Random) -> Request:
    body = b"\x1f\x8b" + random.randbytes(200)
    return Request(headers={**_JSON, "content-encoding": "gzip"}, body=body)


def _header(random: Random) -> Request:
    wrong = random.choice(("a b", "(x)", "é", "x\r\n y\r\n:", ""))
    return Request(headers={**_JSON, wrong: "x" * random.randrange(100)})


def _many_headers(random: Random) -> Request:
    return Request(headers={**_JSON, "x-long": "x" * random.randrange(300_000, 400_000)})


def _line(random: Random) -> Request:
    line = random.choice(
        (b"", b"POST", b"POST /v1/checks", b"POST /v1/checks HTTP/one", b"\x16\x03\x01\x02\x00\x01",
         b"POST  /v1/checks  HTTP/1.1", b"\xff" * 50, b"GET / HTTP/1.1 extra")
    )  # fmt: skip
    return Request(line=line + (b" \x00" if not line else b""))


HOSTILE_REQUESTS: Mapping[str, Callable[[Random], Request]] = MappingProxyType(
    {
        "HTTP: unknown content type": _content_type,
        "HTTP: form without boundary": _form_without_boundary,
        "HTTP: broken form": _broken_form,
        "HTTP: Accept of what there is not": _accept,
        "HTTP: methods that there are not": _method,
        "HTTP: paths that there are not": _path,
        "HTTP: wrong query": _query,
        "HTTP: bad token": _token,
        "HTTP: no token": _no_token,
        "HTTP: wrong Content-Length": _length,
        "HTTP: wrong Transfer-Encoding": _transfer,
        "HTTP: broken chunks": _chunks,
        "HTTP: compressed": _compressed,
        "HTTP: wrong header": _header,
        "HTTP: header beyond all use": _many_headers,
        "HTTP: wrong request line": _line,
    }
)
