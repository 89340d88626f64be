"""Settings: misspelt and impossible ones are refused by name, and the command prints those in force."""

import json

import pytest
from typer.testing import CliRunner, Result

from api.command_line import cli
from api.server import run_service
from api.settings import InvalidSettingsError, Settings, read_settings

REFUSED = {
    "GRADJURY_OPN_CHECKS=false": "GRADJURY_OPN_CHECKS: there is no such setting; did you mean "
    "GRADJURY_OPEN_CHECKS?",
    "GRADJURY_COLOUR=red": "GRADJURY_COLOUR: there is no such setting; gradjury config lists the settings",
    "GRADJURY_PROCESSES=abc": "GRADJURY_PROCESSES: expected a whole number of at least 1, got 'abc'",
    "GRADJURY_PROCESSES=0": "GRADJURY_PROCESSES: expected a whole number of at least 1, got '0'",
    "GRADJURY_SECONDS_EACH=0": "GRADJURY_SECONDS_EACH: expected a number above 0, got '0'",
    "GRADJURY_OPEN_CHECKS=": "GRADJURY_OPEN_CHECKS: expected true or false, got ''",
    "GRADJURY_LOG_LEVEL=loud": "GRADJURY_LOG_LEVEL: expected one of debug, info, warning, error, got 'loud'",
    "GRADJURY_ROOT_PATH=grad/": "GRADJURY_ROOT_PATH: expected a path such as /gradjury, got 'grad/'",
    "GRADJURY_ORACLES=autograd,backpropagaton": "GRADJURY_ORACLES: expected names of oracles, got "
    "'backpropagaton'; did you mean 'backpropagation'?",
}


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for field in Settings.model_fields:
        monkeypatch.delenv(f"GRADJURY_{field.upper()}", raising=False)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli.app, list(arguments))


@pytest.mark.parametrize("variable", REFUSED)
def test_a_setting_that_cannot_be_used_is_refused_by_its_name(variable: str) -> None:
    name, _, value = variable.partition("=")
    with pytest.raises(InvalidSettingsError) as caught:
        read_settings({name: value})
    assert caught.value.problems == (REFUSED[variable],)


def test_all_invalid_settings_are_reported_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for variable in (
        "GRADJURY_OPN_CHECKS=0",
        "GRADJURY_PROCESSES=abc",
        "GRADJURY_TOKEN=t",
        "GRADJURY_DEBUG=1",
    ):
        monkeypatch.setenv(*variable.split("="))
    for command in (["serve"], ["worker"], ["token", "list"], ["config"], ["doctor"]):
        refused = run(*command)
        assert (refused.exit_code, refused.stdout) == (2, "")
        assert [line.partition(":")[0] for line in refused.stderr.splitlines()] == [
            "GRADJURY_OPN_CHECKS",
            "GRADJURY_PROCESSES",
        ]
    monkeypatch.setenv("GRADJURY_WORKER", "false")
    with pytest.raises(InvalidSettingsError):  # where uvicorn is started without the command
        run_service("127.0.0.1", 0, 1, None, None)


def test_settings_are_printed_with_their_source_and_no_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GRADJURY_DATABASE_URL", "postgresql://u:sesame@db/x?password=sesame")
    monkeypatch.setenv("GRADJURY_OPEN_CHECKS", "0")
    rows = {row["name"]: row for row in json.loads(run("config", "--format", "json").stdout)}
    assert rows.keys() == {f"GRADJURY_{field.upper()}" for field in Settings.model_fields}
    assert (rows["GRADJURY_OPEN_CHECKS"]["value"], rows["GRADJURY_OPEN_CHECKS"]["source"]) == (
        False,
        "environment",
    )
    assert rows["GRADJURY_SECONDS_EACH"] == {
        "name": "GRADJURY_SECONDS_EACH", "value": 30.0, "source": "default"
    }  # fmt: skip
    text = run("config").stdout
    assert "sesame" not in text + str(rows)
    assert "postgresql://u:***@db/x" in text
