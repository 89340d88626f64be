"""`gradjury serve` says what to open in a browser, or why it cannot start."""

import sqlite3
from pathlib import Path

import pytest
import uvicorn
from typer.testing import CliRunner

from api.command_line import cli
from api.server import run_service
from api.storage.database import open_repository

ADDRESSES = {
    ("127.0.0.1", 8000): "http://127.0.0.1:8000/",
    ("0.0.0.0", 80): "http://127.0.0.1:80/",
    ("::", 8000): "http://[::1]:8000/",
    ("fe80::1", 8000): "http://[fe80::1]:8000/",
    ("grades.school", 8000): "http://grades.school:8000/",
}


@pytest.fixture
def no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADJURY_WORKER", "false")
    monkeypatch.setattr(uvicorn, "run", lambda *_, **__: None)


@pytest.mark.parametrize("where", ADDRESSES)
@pytest.mark.usefixtures("no_server")
def test_the_address_of_the_page_is_printed(
    where: tuple[str, int], capsys: pytest.CaptureFixture[str]
) -> None:
    run_service(*where, 1, None, None)
    assert f"at {ADDRESSES[where]}\n" in capsys.readouterr().out


@pytest.mark.usefixtures("no_server")
def test_a_port_that_is_not_known_yet_is_not_printed(capsys: pytest.CaptureFixture[str]) -> None:
    run_service("127.0.0.1", 0, 1, None, None)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("garbage", "is no SQLite database"),
        ("folder", "is a folder; name a file"),
        ("newer", "of a newer release; install that one"),
        (
            "postgresql://user:sesame@127.0.0.1:1/x",
            "port 1 cannot be reached (Connection refused)",
        ),
    ],
)
@pytest.mark.usefixtures("no_server")
def test_a_database_that_cannot_be_used_is_told_in_one_line(tmp_path: Path, kind: str, words: str) -> None:
    file = tmp_path / "x.sqlite"
    url = kind if "://" in kind else f"sqlite:///{file}"
    if kind == "garbage":
        file.write_bytes(bytes(range(256)) * 20)
    elif kind == "folder":
        file.mkdir()
    elif kind == "newer":
        open_repository(url).close()
        connection = sqlite3.connect(file)
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
        connection.close()
    refused = CliRunner().invoke(cli.app, ["serve", "--database-url", url])
    assert refused.exit_code == 2
    assert words in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    assert "sesame" not in refused.output
