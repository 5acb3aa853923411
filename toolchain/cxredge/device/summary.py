"""Field logs as rows of a table."""

from __future__ import annotations

from cxredge.device.field_log import FieldLog
from cxredge.results import number

HEADER = (
    "written",
    "device",
    "bundle",
    "artifact",
    "key",
    "runtime",
    "self-test",
    "threads",
    "load ms",
    "p50 ms",
    "p90 ms",
)


def row(log: FieldLog) -> tuple[str, ...]:
    """The cells of one log; a failed self-test names its first failed stage."""
    bad = next((stage for stage in log.self_test.stages if not stage.passed), None)
    bench = log.benchmark
    times = (None,) * 3 if bench is None else (bench.load_ms, bench.p50_ms, bench.p90_ms)
    return (
        log.written.isoformat(),
        f"{log.device.manufacturer} {log.device.model}, Android {log.device.android}",
        log.bundle.id,
        log.bundle.artifact,
        "DEVELOPMENT" if log.bundle.development_key else log.bundle.signed_by[:12],
        log.app.runtime,
        "passed" if bad is None else f"FAILED: {bad.stage}: {bad.detail}",
        "–" if bench is None else str(bench.threads),
        *map(number, times),
    )
