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
    grades,
    gradescope,
    html,
    json,
    junit,
    markdown,
    otter,
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
            Exporter("text", text.render, "text/plain", between="\n", closing=wording.totals, suffix=".txt"),
            Exporter("json", json.render, "application/json", between=""),
            Exporter("markdown", markdown.render, "text/markdown", suffix=".md"),
            Exporter("html", html.render, "text/html", whole_arrays=True, suffix=".html"),
            Exporter("csv", csv.render, "text/csv", suffix=".csv"),
            Exporter("grades", grades.render, "text/csv", suffix=".csv"),
            Exporter(
                "junit",
                junit.render,
                "application/xml",
                aliases=("application/junit+xml", "text/xml"),
                suffix=".xml",
            ),
            Exporter("sarif", sarif.render, "application/sarif+json", suffix=".sarif"),
            Exporter(
                "github",
                github.render,
                "text/plain",
                beside={"GITHUB_STEP_SUMMARY": github.step_summary},
                suffix=".txt",
            ),
            Exporter("gitlab-codequality", gitlab_codequality.render, "application/json"),
            Exporter("ctrf", ctrf.render, "application/json"),
            Exporter("gradescope", gradescope.render, "application/json"),
            Exporter("prairielearn", prairielearn.render, "application/json"),
            Exporter("classroom50", classroom50.render, "application/json"),
            Exporter("autolab", autolab.render, "text/plain", suffix=".txt"),
            Exporter("otter", otter.render, "application/json"),
        )
    }
)

__all__ = ["EXPORTERS", "ExportOptions", "Exporter"]
