"""The service is installed by hashes, which cover all that it needs in the pinned versions."""

import re
import tomllib
from importlib.metadata import requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PINNED = re.compile(
    r"^(\S+)==(\S+)(?: ; .+?)? \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", re.MULTILINE
)
ELSEWHERE = {"colorama", "httpx2-jsfetch"}  # needed on Windows or in browsers alone, so not pinned


def service_distributions() -> set[str]:
    """Return what the service needs here, all the way down, without PyTorch."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    texts = project["dependencies"] + project["optional-dependencies"]["service"]
    waiting = [(text, frozenset({""})) for text in texts]
    met: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        text, extras = waiting.pop()
        requirement = Requirement(text)
        if requirement.marker and not any(requirement.marker.evaluate({"extra": extra}) for extra in extras):
            continue
        wanted = canonicalize_name(requirement.name), frozenset({"", *requirement.extras})
        if wanted not in met:
            met.add(wanted)
            waiting += [(further, wanted[1]) for further in requires(requirement.name) or ()]
    return {name for name, _ in met}


def test_every_distribution_of_the_service_has_hashes_of_its_version() -> None:
    text = (ROOT / "requirements-service.txt").read_text()
    hashed = {canonicalize_name(name): version for name, version, _ in PINNED.findall(text)}
    assert len(hashed) == sum(not line.startswith(("#", " ")) for line in text.splitlines())
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = {canonicalize_name(name): version for name, version in (line.split("==") for line in lines)}
    assert hashed.items() - pins.items() == {(name, hashed[name]) for name in ELSEWHERE}
    assert service_distributions() <= set(hashed)
    assert "torch" not in hashed
