"""A bundle of each platform around one assignment, and a Python that has nothing of GradJury."""

import compileall
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from py_compile import PycInvalidationMode

import pytest

from tests.verifier.cli.bundles.platforms import PLATFORMS, Place, python_without_gradjury
from tests.verifier.cli.bundles.submissions import ASSIGNMENT
from verifier.cli.bundle import BundleChoices, write_bundle
from verifier.cli.bundles import BUNDLES
from verifier.documents.json import to_json


@pytest.fixture(scope="session")
def assignment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("assignment") / "assignment.json"
    path.write_text(to_json(ASSIGNMENT))
    return path


@pytest.fixture(scope="session")
def bundles(tmp_path_factory: pytest.TempPathFactory, assignment: Path) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("bundles")
    for platform in BUNDLES:
        assert write_bundle(BundleChoices(platform, root / platform, assignment)) == 0
    return {platform: root / platform for platform in BUNDLES}


@pytest.fixture(scope="session")
def bare_environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin of an environment with the bundles' requirements, in which GradJury is not."""
    return python_without_gradjury(tmp_path_factory.mktemp("python") / "environment")


@pytest.fixture(scope="session")
def compiled_packages(
    tmp_path_factory: pytest.TempPathFactory, bundles: dict[str, Path], bare_environment: Path
) -> Path:
    """The packages of a bundle with their bytecode, which a grader would otherwise compile at every start.

    A changed source is compiled anew, because bytecode of this kind holds a digest of its source.
    """
    root = tmp_path_factory.mktemp("compiled") / "gitlab"
    root.mkdir()
    packages = PLATFORMS["gitlab"](bundles["gitlab"], root, bare_environment).program / "packages"
    assert compileall.compile_dir(packages, quiet=2, invalidation_mode=PycInvalidationMode.CHECKED_HASH)
    return packages


@pytest.fixture
def place_bundle(
    bundles: dict[str, Path], bare_environment: Path, compiled_packages: Path, tmp_path: Path
) -> Callable[[str], Place]:
    """Put a platform's bundle where the platform would."""

    def put(platform: str) -> Place:
        root = tmp_path / platform
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir()
        place = PLATFORMS[platform](bundles[platform], root, bare_environment)
        for cache in compiled_packages.rglob("__pycache__"):
            target = place.program / "packages" / cache.relative_to(compiled_packages)
            shutil.copytree(cache, target, copy_function=os.link)  # no grader writes bytecode
        return place

    return put
