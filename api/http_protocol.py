"""HTTP/1.1 as uvicorn speaks it, but that what is no HTTP is answered by a problem document too."""

import json
from http import HTTPStatus

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

_TYPE = b"application/problem+json"


class ProblemProtocol(H11Protocol):
    """Answers bytes that are no request, of which the application never hears."""

    def send_400_response(self, msg: str) -> None:
        status = HTTPStatus.BAD_REQUEST
        document = {"type": "about:blank", "title": status.phrase, "status": status, "detail": msg}
        body = json.dumps(document).encode()
        headers = [
            (b"content-type", _TYPE),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
        ]
        reason = status.phrase.encode()
        for event in (
            h11.Response(status_code=status, headers=headers, reason=reason),
            h11.Data(data=body),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()
