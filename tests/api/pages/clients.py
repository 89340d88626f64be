"""People with a browser's manners: a cookie, and forms that say where they stand."""

import json
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from fastapi.testclient import TestClient

HERE = "http://testserver"
COOKIE = "gradjury-token"


@dataclass(frozen=True)
class Visitor:
    """Somebody at a browser. token: what the cookie holds, empty for nobody."""

    client: TestClient
    token: str = ""

    def get(self, path: str, **headers: str) -> Any:
        return self.ask("GET", path, headers)

    def send(self, path: str, origin: str | None = HERE, **fields: str | bytes) -> Any:
        """Send a form; bytes are the content of a chosen file, called by its field."""
        parts = {
            name: ("", value) if isinstance(value, str) else (f"{name}.bin", value)
            for name, value in fields.items()
        }
        files = {name: (part[0] or None, part[1]) for name, part in parts.items()}
        headers = {} if origin is None else {"origin": origin}
        return self.ask("POST", path, headers, files=files or {"nothing": (None, "")})

    def ask(self, method: str, path: str, headers: dict[str, str], **rest: Any) -> Any:
        cookie = {"cookie": f"{COOKIE}={self.token}"} if self.token else {}
        return self.client.request(method, path, headers=cookie | headers, follow_redirects=False, **rest)


def token_of(headers: Any) -> str:
    """Return the token of an Authorization header."""
    return str(headers.get("authorization", "")).partition(" ")[2]


@dataclass
class Page(HTMLParser):
    """A page as a reader has it. text: all its words. links: where it leads."""

    html: str
    text: str = ""
    links: list[str] = field(default_factory=list)
    scripts: list[dict[str, str | None]] = field(default_factory=list)
    attributes: list[tuple[str, str | None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += attrs
        if tag == "a":
            self.links.append(dict(attrs).get("href") or "")
        if tag == "script":
            self.scripts.append(dict(attrs))

    def handle_data(self, data: str) -> None:
        self.text += data


def as_text(document: Any) -> str:
    return json.dumps(document)
