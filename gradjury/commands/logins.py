"""`gradjury login` and `gradjury logout`."""

import sys
from typing import Annotated

import typer

from gradjury.client.logins import Login, LoginsError, read_logins, remove_login, save_login
from gradjury.commands.session import connect, note, refuse

_LOCAL = ("http://127.0.0.1", "http://localhost", "http://[::1]", "https://")


def add_commands(app: typer.Typer) -> None:
    app.command()(login)
    app.command()(logout)


def login(
    url: Annotated[
        str | None, typer.Argument(help="Address of the service; leave it out to list the logins.")
    ] = None,
    token: Annotated[
        str | None, typer.Option(help="The token; by default it is asked for, or read from standard input.")
    ] = None,
) -> None:
    """Log in to a service. Later commands call it with this token."""
    if url is None:
        _list_logins()
        return
    if token is None:
        token = typer.prompt("token", hide_input=True) if sys.stdin.isatty() else sys.stdin.readline()
    token = token.strip()
    if not token:
        refuse("expected a token, got nothing; ask your instructor, or run gradjury token create")
    with connect(url, token) as client:
        holder = client.whoami()
        place = save_login(Login(client.url, token, holder.role, holder.subject))
        if not client.url.startswith(_LOCAL):
            note(f"{client.url} is not encrypted: everybody on the way can read the token; use https://")
        typer.echo(f"logged in to {client.url} as {holder.subject} ({holder.role}); the token is in {place}")


def logout(
    url: Annotated[str | None, typer.Argument(help="Address; by default the current login.")] = None,
) -> None:
    """Forget a login and its token. The token stays valid."""
    try:
        url = url or read_logins().current
        if url is None or not remove_login(url.rstrip("/")):
            refuse("there is no such login; gradjury login lists them")
    except LoginsError as error:
        refuse(str(error))
    typer.echo(f"logged out of {url}")


def _list_logins() -> None:
    try:
        logins = read_logins()
    except LoginsError as error:
        refuse(str(error))
    if logins.current is None:
        refuse("expected the address of a service, such as http://127.0.0.1:8000")
    for row in logins.by_url:
        mark = "*" if row.url == logins.current else " "
        typer.echo(f"{mark} {row.url}  {row.subject} ({row.role})")
