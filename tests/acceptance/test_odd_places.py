"""Files, folders and streams as they are out there: odd, closed, forbidden, gone. A line and a status."""

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.acceptance.test_command_line import FAST, run, write_example
from tests.prefork.programs import COLD, warm_gradjury
from verifier.cli.check import choose_worker_count
from verifier.cli.files import expand_paths

ONE = ("--oracles", "backpropagation")
HOSTILE = '{"network": 3, "x\\n::error::y\\u001b[31m\\u202e": 1}'


def shell(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a line of a shell in which `gradjury` is ours; its status is that of the last or failing part."""
    script = f'set -o pipefail; gradjury() {{ "{warm_gradjury()}" "$@"; }}; {command}'
    return subprocess.run(["bash", "-c", script], cwd=folder, capture_output=True, text=True)


@pytest.mark.parametrize(
    "command",
    [
        "gradjury check right.json right.json --oracles backpropagation | true",
        "gradjury inspect right.json | true",
        "gradjury catalogue | true",
        "gradjury example columns | true",
    ],
)
def test_a_reader_who_has_left_ends_a_command_quietly_and_as_no_verdict(command: str, tmp_path: Path) -> None:
    write_example(tmp_path, "pytorch", "right.json")
    result = shell(command, tmp_path)
    assert (result.returncode, result.stderr) == (141, "")


@pytest.mark.parametrize(
    ("command", "status", "message"),
    [
        ("gradjury check right.json --oracles backpropagation >&-", 0, ""),
        ("gradjury check absent.json 2>&-", 2, ""),
        ("gradjury check - <&-", 2, "stdin: (document): expected a submission, got an empty file\n"),
        (
            "gradjury check right.json --oracles backpropagation > /dev/full",
            4,
            "gradjury: the output cannot be written: No space left on device; "
            "make room, or write elsewhere\n",
        ),
    ],
    ids=["output", "errors", "input", "a full disk"],
)
def test_closed_and_full_streams_are_no_internal_errors(
    command: str, status: int, message: str, tmp_path: Path
) -> None:
    write_example(tmp_path, "pytorch", "right.json")
    result = shell(command, tmp_path)
    assert (result.returncode, result.stdout, result.stderr) == (status, "", message)


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_an_interrupt_ends_a_check_quietly_as_a_shell_expects(jobs: str, tmp_path: Path) -> None:
    name = write_example(tmp_path, "wrong-layer")
    check = subprocess.Popen(
        [COLD, "check", *[name] * 2000, "--jobs", jobs, *ONE],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # a shell's background jobs ignore interrupts, and so would what they start
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert check.stdout is not None
    assert check.stdout.readline().startswith("wrong-layer")
    os.killpg(check.pid, signal.SIGINT)  # as a terminal does: to all its processes
    _, message = check.communicate(timeout=300)
    assert (check.returncode, message.strip()) == (130, "")


def test_a_folder_with_loops_pipes_and_dead_links_is_its_files(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "folder.json").mkdir(parents=True)
    write_example(tree, "pytorch", "a.json")
    os.mkfifo(tree / "pipe.json")
    (tree / "loop").symlink_to("../tree")
    (tree / "itself.json").symlink_to("itself.json")
    (tree / "dead.json").symlink_to("nowhere.json")
    for argument in ("tree", "tree/**/*.json"):
        result = run("check", argument, "--format", "json", *ONE, folder=tmp_path)
        assert (result.returncode, result.stderr) == (0, "")
        assert [json.loads(line)["source"] for line in result.stdout.splitlines()] == ["tree/a.json"]


def test_a_link_that_leads_round_is_told_when_it_is_named(tmp_path: Path) -> None:
    (tmp_path / "itself.json").symlink_to("itself.json")
    result = run("check", "itself.json", folder=tmp_path)
    assert result.returncode == 2
    assert result.stderr == (
        "itself.json: (file): expected a file that can be read, got Too many levels of symbolic links\n"
    )


@pytest.fixture
def unprivileged() -> list[str]:
    """Return the prefix of a command that runs without the rights of root, who may read everything."""
    if os.geteuid() != 0:
        return []
    prefix = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    if shutil.which("setpriv") is None or subprocess.run([*prefix, COLD, "--version"], cwd="/").returncode:
        pytest.skip("nobody but root may run this installation")
    return prefix


def test_what_may_not_be_read_fails_beside_what_is_right(unprivileged: list[str]) -> None:
    with TemporaryDirectory() as folder:  # pytest's own is root's alone
        tree = Path(folder)
        for place in (tree / "closed", tree / "listed", tree):
            place.mkdir(exist_ok=True)
            write_example(place, "pytorch", "a.json")
        write_example(tree, "pytorch", "secret.json")
        for name, mode in (("closed", 0), ("listed", 0o444), ("secret.json", 0), (".", 0o755)):
            (tree / name).chmod(mode)  # of `listed` the names may be read, the files not
        files = (".", "listed/a.json")
        result = subprocess.run(
            [*unprivileged, COLD, "check", *files, *ONE], cwd=tree, capture_output=True, text=True
        )
        for name in ("closed", "listed"):
            (tree / name).chmod(0o755)
    assert result.returncode == 2
    assert result.stderr.splitlines() == [
        f"{name}: (file): expected a file that can be read, got Permission denied"
        for name in ("closed", "listed/a.json", "secret.json", "listed/a.json")
    ]
    assert result.stdout.startswith("pytorch: correct")


def test_a_file_that_is_gone_when_its_turn_comes_is_told(tmp_path: Path) -> None:
    path = tmp_path / write_example(tmp_path, "pytorch")
    sources = list(expand_paths([str(tmp_path)]))
    path.unlink()
    assert choose_worker_count(sources, None) == 1
    result = run("check", *sources, folder=tmp_path)
    assert result.returncode == 2
    assert result.stderr.endswith(
        ": (file): expected a file that can be read, got No such file or directory\n"
    )


@pytest.mark.parametrize("command", ["check", "inspect"])
@pytest.mark.parametrize("name", ["x" * 5000, "x" * 5000 + "*"], ids=["a name", "a glob"])
def test_a_name_too_long_for_any_file_is_told(command: str, name: str, tmp_path: Path) -> None:
    result = run(command, name, folder=tmp_path)
    assert result.returncode == 2
    assert result.stderr.endswith(": (file): expected a file that can be read, got File name too long\n")


def test_an_output_too_long_for_any_file_is_refused(tmp_path: Path) -> None:
    result = run("check", write_example(tmp_path, "pytorch"), "--output", "x" * 5000, folder=tmp_path)
    assert result.returncode == 2
    assert result.stderr.startswith("--output: expected a file that can be written, got 'xxx")


@pytest.mark.parametrize(
    "command", [("check", "--format", "json"), ("inspect",), ("example", "--strong", "--like")]
)
def test_what_is_no_submission_is_told_alike_by_every_command(
    command: tuple[str, ...], tmp_path: Path
) -> None:
    contents = (b"[1, 2]", b"3", HOSTILE.encode(), b"\x80")
    names = [f"{at}\n::error::forged\x1b[31m.json" for at in range(len(contents))]
    for name, content in zip(names, contents, strict=True):
        (tmp_path / name).write_bytes(content)
    runs = [names] if command != ("example", "--strong", "--like") else [[name] for name in names]
    message = ""
    for files in runs:
        result = run(*command, *files, folder=tmp_path)
        assert (result.returncode, result.stdout) == (2, "")
        message += result.stderr
    places = [line.partition("?: :error: :forged?[31m.json: ")[0] for line in message.splitlines()]
    assert sorted(set(places)) == ["0", "1", "2", "3"]
    for line in message.splitlines():
        assert line.isprintable()
        assert "internal error" not in line


def test_names_that_are_no_utf_8_can_be_inspected_and_checked(tmp_path: Path) -> None:
    write_example(tmp_path, "pytorch", "a.json")
    (tmp_path / "a.json").rename(tmp_path / os.fsdecode(b"caf\xe9.json"))
    for command in (("check", "*.json", *FAST), ("inspect", "*.json")):
        result = run(*command, "--format", "json", folder=tmp_path)
        assert (result.returncode, result.stderr) == (0, "")
        assert json.loads(result.stdout)["source"] == "caf?.json"


def test_a_submission_may_come_through_a_pipe_with_a_name(tmp_path: Path) -> None:
    write_example(tmp_path, "pytorch", "right.json")
    result = shell("gradjury check <(cat right.json) --oracles backpropagation", tmp_path)
    assert (result.returncode, result.stderr) == (0, "")


def test_an_import_tells_every_file_and_option_that_is_wrong_at_once(tmp_path: Path) -> None:
    (tmp_path / "pickle.npy").write_bytes(b"\x80\x04.")
    result = run(
        "import", "nielsen", "network.json",
        "--inputs", "absent.npy", "--targets", "pickle.npy", "--loss", "{",
        folder=tmp_path,
    )  # fmt: skip
    assert result.returncode == 2
    absent, pickle, loss = result.stderr.splitlines()
    assert absent == "absent.npy: (file): expected a file that can be read, got No such file or directory"
    assert pickle.startswith(
        "pickle.npy: (document): expected arrays as npz, safetensors, npy or JSON, got a pickle"
    )
    assert loss.startswith("--loss: (document): expected JSON text")
    missing = run("import", "state_dict", "model.safetensors", folder=tmp_path).stderr.splitlines()
    assert [line.split(":")[0] for line in missing] == ["--inputs", "--targets", "--activations"]
