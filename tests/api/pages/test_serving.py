"""`gradjury serve` says what to open in a browser."""

import pytest
import uvicorn

from api.server import run_service

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
