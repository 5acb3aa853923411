"""Field logs as rows of a table, and what became of each in a few words."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from cxredge.device.field_log import FieldLog
from cxredge.errors import counted, printable
from cxredge.results import number

HEADER = ("log", "device", "bundle and artifact", "benchmark", "outcome")
LONGEST_PATH = 48


def went_wrong(log: FieldLog) -> bool:
    """Whether the app was of no use: a self-test failed, the bundle was refused at the start, or the app crashed."""
    failed = log.self_test is not None and not log.self_test.passed
    return failed or bool(log.crashes) or any(refusal.during == "start" for refusal in log.refusals)


def outcomes(log: FieldLog) -> list[str]:
    """``passed``, ``FAILED: stage: detail``, ``REFUSED: CODE`` or ``CRASHED: what``; a log may hold several.

    Equal ones are said once, with their number. A refusal names what was refused, unless it was the bundle.
    """
    said: list[str] = []
    if log.self_test is not None:
        failed = [f"FAILED: {stage.stage}: {stage.detail}" for stage in log.self_test.stages if not stage.passed]
        said += failed[:1] or ["passed"]
    for refusal in log.refusals:
        said.append(f"REFUSED: {refusal.code}" + ("" if refusal.during == "start" else f" ({refusal.during})"))
    said += [f"CRASHED: {crash.what}" for crash in log.crashes]
    return [words if times == 1 else f"{words}, {times} times" for words, times in Counter(said).items()]


def row(path: Path, log: FieldLog) -> tuple[str, ...]:
    """The cells of one log. A log's words are a stranger's: what a terminal would obey is escaped."""
    name = printable(str(path))
    device, system, bundle, artifact, bench = log.device, log.system, log.bundle, log.artifact, log.benchmark
    key = "" if bundle is None else f"key {'DEVELOPMENT' if bundle.development_key else bundle.signed_by[:12]}"
    model = (bundle and bundle.id, artifact and artifact.name, artifact and artifact.runtime, key)
    times = None
    if bench is not None:
        times = f"load {number(bench.load_ms)}, p50 {number(bench.p50_ms)}, p90 {number(bench.p90_ms)} ms"
        times += f", {counted(bench.threads, 'thread')}"
    return (
        (name if len(name) <= LONGEST_PATH else "…" + name[1 - LONGEST_PATH :]) + f"\n{log.written}",
        printable(f"{device.manufacturer} {device.model}, {system.name} {system.version}"),
        printable(", ".join(part for part in model if part)) or "–",
        times or "–",
        "\n".join(map(printable, outcomes(log))),
    )
