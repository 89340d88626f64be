"""The services that the user has logged in to: their addresses, and where their tokens are.

A token is in the keyring of the operating system if the package `keyring` is installed and has one, otherwise
in `servers.json` in the user's configuration folder, which only the user can read.
"""

import json
import os
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from stat import S_IMODE
from tempfile import NamedTemporaryFile
from typing import Any

SERVER_VARIABLE, TOKEN_VARIABLE = "GRADJURY_SERVER", "GRADJURY_TOKEN"
_KEYRING_SERVICE = "gradjury"
_FILE = "servers.json"
_OTHERS = 0o077  # permissions of everybody but the owner
_NOWHERE = f"there is no service to ask; run 'gradjury login URL', set {SERVER_VARIABLE}, or give its address"


class LoginsError(Exception):
    """The file of logins cannot be used."""


@dataclass(frozen=True, slots=True)
class Login:
    """A service, and the token of its user. role, subject: of the token."""

    url: str
    token: str | None = None
    role: str = ""
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Logins:
    """All logins. current: the address that is meant where none is given; None without logins."""

    current: str | None = None
    by_url: tuple[Login, ...] = ()

    def find(self, url: str) -> Login | None:
        return next((login for login in self.by_url if login.url == url), None)


def find_login(url: str | None = None, token: str | None = None) -> Login:
    """Return the service that is meant, and its token: as given, by the environment, or by `gradjury login`.

    A token in the environment is for the service in the environment, if there is one there.
    Raises: ValueError if there is no service; LoginsError if the file of logins cannot be used.
    """
    variable = os.environ.get(SERVER_VARIABLE, "").rstrip("/") or None
    chosen = url.rstrip("/") if url is not None else variable
    if token is None and (variable is None or chosen == variable):
        token = os.environ.get(TOKEN_VARIABLE) or None
    if chosen is not None and token is not None:
        return Login(chosen, token)
    logins = read_logins()
    chosen = chosen or logins.current
    if chosen is None:
        raise ValueError(_NOWHERE)
    login = logins.find(chosen) or Login(chosen)
    if token is not None:
        return replace(login, token=token)
    return replace(login, token=login.token or _keyring_token(chosen))


def read_logins() -> Logins:
    """Return the stored logins, without tokens that the keyring has. Raises: LoginsError."""
    path = logins_file()
    try:
        mode = S_IMODE(path.stat().st_mode)
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Logins()
    except OSError as error:
        raise LoginsError(f"{path} cannot be read ({error.strerror})") from None
    if os.name == "posix" and mode & _OTHERS:
        raise LoginsError(
            f"{path} has tokens and can be read by others (mode {mode:o}); run: chmod 600 {path}"
        )
    try:
        document = json.loads(text)
        rows = tuple(
            Login(url, row.get("token"), row.get("role", ""), row.get("subject", ""))
            for url, row in document["servers"].items()
        )
        return Logins(document.get("current"), rows)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise LoginsError(f"{path} is damaged; delete it and log in again") from None


def save_login(login: Login) -> str:
    """Keep a login and make it the current one. Return where the token is. Raises: LoginsError."""
    logins = read_logins()
    in_keyring = login.token is not None and _put_into_keyring(login.url, login.token)
    stored = replace(login, token=None) if in_keyring else login
    others = tuple(row for row in logins.by_url if row.url != login.url)
    _write(Logins(login.url, (*others, stored)))
    return "the keyring" if in_keyring else str(logins_file())


def remove_login(url: str) -> bool:
    """Forget a login and its token. Return whether there was one. Raises: LoginsError."""
    logins = read_logins()
    rest = tuple(row for row in logins.by_url if row.url != url)
    if len(rest) == len(logins.by_url):
        return False
    keyring = _keyring()
    if keyring is not None:
        with suppress(Exception):  # backends raise errors of their own where they have no such entry
            keyring.delete_password(_KEYRING_SERVICE, url)
    current = logins.current if logins.current != url else (rest[-1].url if rest else None)
    _write(Logins(current, rest))
    return True


def logins_file() -> Path:
    """Return the path of the file of logins, whether it exists or not."""
    from typer import get_app_dir  # here: a client that is given an address and a token needs no typer

    return Path(get_app_dir("gradjury")) / _FILE


def _write(logins: Logins) -> None:
    document = {
        "current": logins.current,
        "servers": {
            row.url: {
                name: value
                for name, value in (("token", row.token), ("role", row.role), ("subject", row.subject))
                if value
            }
            for row in logins.by_url
        },
    }
    path = logins_file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # a temporary file is for its owner alone (0600) from its beginning
        with NamedTemporaryFile("w", dir=path.parent, encoding="utf-8", delete=False) as stream:
            stream.write(json.dumps(document, indent=2) + "\n")
        Path(stream.name).replace(path)
    except OSError as error:
        raise LoginsError(f"{error.filename or path} cannot be written ({error.strerror})") from None


def _keyring() -> Any:
    """Return the module `keyring`; None if it is not installed."""
    try:
        return import_module("keyring")
    except ImportError:
        return None


def _put_into_keyring(url: str, token: str) -> bool:
    """Return whether the keyring took the token: where there is no desktop, it has no place for it."""
    keyring = _keyring()
    if keyring is None:
        return False
    try:
        keyring.set_password(_KEYRING_SERVICE, url, token)
        return bool(keyring.get_password(_KEYRING_SERVICE, url) == token)
    except Exception:  # backends raise errors of their own; the file is the other place
        return False


def _keyring_token(url: str) -> str | None:
    keyring = _keyring()
    if keyring is None:
        return None
    try:
        token: str | None = keyring.get_password(_KEYRING_SERVICE, url)
    except Exception as error:  # backends raise errors of their own
        raise LoginsError(f"the keyring does not give the token of {url} ({error}); log in again") from None
    return token
