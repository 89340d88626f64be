"""The columns of a format's row, and what the caller may choose."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType

from verifier.exit_status import ExitStatus
from verifier.points import ONE_EACH, Points
from verifier.report import Report
from verifier.sourced import Sourced


@dataclass(frozen=True, slots=True)
class ExportChoices:
    """points: what a submission is worth. junit_dialect: `jenkins` or `gitlab`.

    environment: variables that a platform sets, for formats that repeat them. moment: when it was judged.
    """

    points: Points = ONE_EACH
    junit_dialect: str = "jenkins"
    environment: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    moment: datetime = datetime(1970, 1, 1, tzinfo=UTC)


DEFAULT = ExportChoices()
Render = Callable[[Sequence[Sourced], ExportChoices], str]


@dataclass(frozen=True, slots=True)
class Exporter:
    """One format.

    name: on the command line. render: a pure function, without a final newline. media_type: in HTTP;
    aliases: others that ask for it. between: what stands between submissions where each is rendered alone, as
    soon as it is judged; None for a format that is one document of all. closing: what ends many submissions.
    beside: other files to append to, by the environment variable that names them. whole_arrays: whether it
    shows more where the reports have them; which is not asked for a student, whose report has none.
    """

    name: str
    render: Render
    media_type: str
    aliases: tuple[str, ...] = ()
    between: str | None = None
    closing: Callable[[Sequence[ExitStatus]], str] | None = None
    beside: Mapping[str, Render] = field(default_factory=lambda: MappingProxyType({}))
    whole_arrays: bool = False

    def export(self, report: Report, choices: ExportChoices = DEFAULT) -> str:
        """Render one report that came from no file."""
        return self.render((Sourced("", report),), choices)
