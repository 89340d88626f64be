"""Bundles that an instructor uploads to a grading platform. The table BUNDLES has one row per platform.

A bundle contains an assignment and GradJury itself, so that grading needs no package registry and no network.
To add a platform, write its templates and add a row here.
"""

from collections.abc import Mapping
from types import MappingProxyType

from verifier.cli.bundles.bundle import Bundle, BundleOrder, File
from verifier.cli.bundles.result import ResultFile

__all__ = ("BUNDLES", "Bundle", "BundleOrder", "File")

_SUBMISSION_NAMES = ("gradients",)  # a checkout may contain other JSON files
_REQUIREMENTS = "shared/requirements.txt"

BUNDLES: Mapping[str, Bundle] = MappingProxyType(
    {
        row.name: row
        for row in (
            Bundle(
                "gradescope",
                "/autograder/submission",
                "/autograder/results",
                (ResultFile("results.json", "gradescope"),),
                seconds=480,  # of 600
                templates={
                    "setup.sh": "gradescope/setup.sh",
                    "run_autograder": "gradescope/run_autograder",
                    "requirements.txt": _REQUIREMENTS,
                    "README.md": "gradescope/README.md",
                },
                executables=("setup.sh", "run_autograder"),
                deep=True,
                tells=True,
                archive="autograder.zip",
                left_out=("README.md", "problem.json"),
                options=("zip",),
            ),
            Bundle(
                "prairielearn",
                "/grade/student",
                "/grade/results",
                (ResultFile("results.json", "prairielearn"),),
                seconds=90,  # of 120, which info.json requests
                templates={
                    "info.json": "prairielearn/info.json",
                    "question.html": "prairielearn/question.html",
                    "image/Dockerfile": "prairielearn/Dockerfile",
                    "image/entrypoint.sh": "prairielearn/entrypoint.sh",
                    "image/requirements.txt": _REQUIREMENTS,
                    "README.md": "prairielearn/README.md",
                },
                executables=("image/entrypoint.sh",),
                program="image/gradjury",
                question="tests",
                problem="clientFilesQuestion/problem.json",
                names=_SUBMISSION_NAMES,
                options=("image", "uuid"),
            ),
            Bundle(
                "classroom50",
                ".",
                ".",
                (ResultFile("result.json", "classroom50"), ResultFile("release-body.md", "markdown")),
                seconds=300,
                templates={
                    "autograder.py": "classroom50/autograder.py",
                    "requirements.txt": _REQUIREMENTS,
                    "README.md": "classroom50/README.md",
                },
                names=_SUBMISSION_NAMES,
            ),
            Bundle(
                "github",
                ".",
                "gradjury-results",
                (
                    ResultFile("annotations.txt", "github"),
                    ResultFile("summary.md", "github", "GITHUB_STEP_SUMMARY"),
                ),
                seconds=600,
                templates={
                    "action.yml": "github/action.yml",
                    "run.sh": "github/run.sh",
                    "requirements.txt": _REQUIREMENTS,
                    "README.md": "github/README.md",
                },
                executables=("run.sh",),
                names=_SUBMISSION_NAMES,
                gate=True,
            ),
            Bundle(
                "gitlab",
                ".",
                "gradjury-results",
                (
                    ResultFile("junit.xml", "junit"),
                    ResultFile("codequality.json", "gitlab-codequality"),
                ),
                seconds=600,
                templates={
                    ".gitlab-ci.yml": "gitlab/gitlab-ci.yml",
                    "grading/run.sh": "gitlab/run.sh",
                    "grading/requirements.txt": _REQUIREMENTS,
                    "README.md": "gitlab/README.md",
                },
                executables=("grading/run.sh",),
                program="grading/gradjury",
                question="grading/question",
                names=_SUBMISSION_NAMES,
                gate=True,
            ),
        )
    }
)
