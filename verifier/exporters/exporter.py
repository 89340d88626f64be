"""The description of an export format, and the options of an export."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType

from verifier.report.outcome import FileOutcome
from verifier.report.points import ONE_POINT_EACH, Points
from verifier.report.report import Report
from verifier.report.verdict import ExitStatus


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """Options of an export.

    points: the points of each parameter. junit_dialect: `jenkins` or `gitlab`.
    environment: environment variables of the platform, for formats that contain them.
    moment: the time of the check.
    """

    points: Points = ONE_POINT_EACH
    junit_dialect: str = "jenkins"
    environment: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    moment: datetime = datetime(1970, 1, 1, tzinfo=UTC)


DEFAULT = ExportOptions()
Render = Callable[[Sequence[FileOutcome], ExportOptions], str]


@dataclass(frozen=True, slots=True)
class Exporter:
    """One export format.

    name: the format on the command line.
    render: a pure function that returns the text without a final newline.
    media_type, aliases: the media type in HTTP, and further ones that select the format.
    between: the separator, if each submission is rendered separately as soon as it is checked; None for one
        document of all submissions.
    closing: returns the text after several submissions.
    beside: renders text to append to other files, by the environment variable with the file's path.
    whole_arrays: shows more if reports have whole arrays. Reports for students have none.
    suffix: of files of this format.
    """

    name: str
    render: Render
    media_type: str
    aliases: tuple[str, ...] = ()
    between: str | None = None
    closing: Callable[[Sequence[ExitStatus]], str] | None = None
    beside: Mapping[str, Render] = field(default_factory=lambda: MappingProxyType({}))
    whole_arrays: bool = False
    suffix: str = ".json"

    def export(self, report: Report, choices: ExportOptions = DEFAULT) -> str:
        """Return the text of one report that is not from a file."""
        return self.render((FileOutcome("", report),), choices)
