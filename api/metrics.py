"""Prometheus metrics: requests, verdicts, bugs, dissenting oracles and latencies. None names a student."""

import os
from collections.abc import Iterator
from dataclasses import dataclass

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from api.workers.protocol import Judged, Outcome, Refusal

MEDIA_TYPE = CONTENT_TYPE_LATEST
_PUBLIC_METRICS = ("gradjury_request_seconds",)
_BUCKETS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)


class _PublicMetrics(Collector):
    """Metrics without those of judging. Read before and after a submission, those reveal its verdict."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        return (family for family in self._registry.collect() if family.name in _PUBLIC_METRICS)


@dataclass(frozen=True, slots=True)
class Metrics:
    """The metrics of one process. With PROMETHEUS_MULTIPROC_DIR, `text` adds up those of all processes."""

    registry: CollectorRegistry
    requests: Histogram
    judging: Histogram
    verdicts: Counter
    refusals: Counter
    bugs: Counter
    dissents: Counter
    waiting: Gauge

    def count_outcome(self, outcome: Outcome) -> None:
        """Count the outcome of a submission."""
        if not isinstance(outcome, Judged):
            self.refusals.labels("malformed" if isinstance(outcome, Refusal) else "stopped").inc()
            return
        findings = outcome.findings
        self.verdicts.labels(findings.verdict).inc()
        self.judging.observe(outcome.seconds)
        for bug, _ in findings.bugs:
            self.bugs.labels(bug).inc()
        for oracle, agrees in findings.oracles:
            if agrees is False:
                self.dissents.labels(oracle).inc()

    def text(self, *, include_judging: bool = True) -> bytes:
        """Return the metrics in Prometheus's text format."""
        registry = self.registry
        if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry if include_judging else _PublicMetrics(registry))


def new_metrics() -> Metrics:
    registry = CollectorRegistry()
    return Metrics(
        registry,
        Histogram(
            "gradjury_request_seconds",
            "Requests, by route, method and status",
            ("route", "method", "status"),
            buckets=_BUCKETS,
            registry=registry,
        ),
        Histogram(
            "gradjury_judging_seconds", "Judging of one submission", buckets=_BUCKETS, registry=registry
        ),
        Counter("gradjury_verdicts", "Submissions judged, by verdict", ("verdict",), registry=registry),
        Counter("gradjury_refusals", "Submissions not judged, by reason", ("reason",), registry=registry),
        Counter("gradjury_bugs", "Diagnoses, by bug", ("bug",), registry=registry),
        Counter(
            "gradjury_oracle_dissents",
            "Submissions on which an oracle contradicted the others",
            ("oracle",),
            registry=registry,
        ),
        Gauge(
            "gradjury_waiting",
            "Submissions in work or waiting to be judged",
            registry=registry,
            multiprocess_mode="livesum",
        ),
    )
