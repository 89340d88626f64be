"""Export reports as text in many formats, with one row of EXPORTERS per format.

An exporter is a pure function of reports. To add one, write a module and add a row to EXPORTERS. If two rows
have the same media type, HTTP uses the first. For a platform without output hidden from students, an exporter
writes the student's view of every report.
"""

from collections.abc import Mapping
from types import MappingProxyType

from verifier.exporters import (
    autolab,
    classroom50,
    csv,
    ctrf,
    github,
    gitlab_codequality,
    gradescope,
    json,
    junit,
    markdown,
    otter,
    page,
    prairielearn,
    sarif,
    text,
)
from verifier.exporters.exporter import Exporter, ExportOptions
from verifier.report import wording

EXPORTERS: Mapping[str, Exporter] = MappingProxyType(
    {
        row.name: row
        for row in (
            Exporter("text", text.render, "text/plain", between="\n", closing=wording.totals),
            Exporter("json", json.render, "application/json", between=""),
            Exporter("markdown", markdown.render, "text/markdown"),
            Exporter("html", page.render, "text/html", whole_arrays=True),
            Exporter("csv", csv.render, "text/csv"),
            Exporter("junit", junit.render, "application/xml", aliases=("application/junit+xml", "text/xml")),
            Exporter("sarif", sarif.render, "application/sarif+json"),
            Exporter(
                "github", github.render, "text/plain", beside={"GITHUB_STEP_SUMMARY": github.step_summary}
            ),
            Exporter("gitlab-codequality", gitlab_codequality.render, "application/json"),
            Exporter("ctrf", ctrf.render, "application/json"),
            Exporter("gradescope", gradescope.render, "application/json"),
            Exporter("prairielearn", prairielearn.render, "application/json"),
            Exporter("classroom50", classroom50.render, "application/json"),
            Exporter("autolab", autolab.render, "text/plain"),
            Exporter("otter", otter.render, "application/json"),
        )
    }
)

__all__ = ["EXPORTERS", "ExportOptions", "Exporter"]
