"""Where tokens are kept: a file for its owner alone, or the keyring; several services."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from gradjury.client.logins import (
    Login,
    LoginsError,
    find_login,
    logins_file,
    read_logins,
    remove_login,
    save_login,
)

HOME, SCHOOL = "http://127.0.0.1:8000", "https://gradjury.school.test"


@pytest.fixture(autouse=True)
def no_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)  # an import of it fails


def test_the_file_is_for_its_owner_alone_and_keeps_several_services() -> None:
    assert save_login(Login(HOME, "one", "grader", "prof")) == str(logins_file())
    save_login(Login(SCHOOL, "two", "student", "ada"))
    assert logins_file().stat().st_mode & 0o777 == 0o600
    assert find_login() == Login(SCHOOL, "two", "student", "ada")
    assert find_login(f"{HOME}/").token == "one"
    assert find_login("http://elsewhere.test") == Login("http://elsewhere.test")
    assert remove_login(SCHOOL)
    assert (read_logins().current, find_login().token) == (HOME, "one")
    assert not remove_login(SCHOOL)


def test_the_environment_goes_before_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    save_login(Login(HOME, "one"))
    monkeypatch.setenv("GRADJURY_TOKEN", "ci")
    assert find_login().token == "ci"
    monkeypatch.setenv("GRADJURY_SERVER", SCHOOL)
    assert find_login() == Login(SCHOOL, "ci")
    assert find_login(HOME).token == "one"  # the variable's token is for the variable's service
    assert find_login(HOME, "given").token == "given"


@pytest.mark.parametrize("text", ["{", "[]", '{"servers": 1}', '{"servers": {"x": 1}}'])
def test_a_damaged_file_is_named(text: str) -> None:
    save_login(Login(HOME, "one"))
    logins_file().write_text(text)
    with pytest.raises(LoginsError, match=r"servers\.json is damaged; delete it"):
        find_login()


def test_a_file_that_others_can_read_is_refused() -> None:
    save_login(Login(HOME, "one"))
    logins_file().chmod(0o644)
    with pytest.raises(LoginsError, match="chmod 600"):
        find_login()


def test_a_folder_that_cannot_be_written_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "file"))
    with pytest.raises(LoginsError, match="cannot be"):
        save_login(Login(HOME, "one"))


def test_the_keyring_has_the_token_if_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: dict[tuple[str, str], str] = {}
    keyring = SimpleNamespace(
        set_password=lambda service, name, text: kept.update({(service, name): text}),
        get_password=lambda service, name: kept.get((service, name)),
        delete_password=lambda service, name: kept.pop((service, name)),
    )
    monkeypatch.setitem(sys.modules, "keyring", keyring)
    assert save_login(Login(HOME, "one", "grader", "prof")) == "the keyring"
    assert "one" not in logins_file().read_text()
    assert find_login() == Login(HOME, "one", "grader", "prof")
    remove_login(HOME)
    assert kept == {}
    # a keyring that keeps nothing, as on a server
    monkeypatch.setattr(keyring, "set_password", lambda *_: None)
    assert save_login(Login(HOME, "two")) == str(logins_file())
    assert find_login().token == "two"
