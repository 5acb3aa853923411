"""What a field log says on one side and denies on the other. A schema cannot tell; whoever believes a log must."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

from cxredge.device.field_log import FieldLog, LoggedArtifact, LoggedBundle, Stage, System
from cxredge.vocabulary import APP_TARGETS, AppKind


def contradictions(log: FieldLog) -> Iterator[str]:
    """A sentence for each contradiction, with both sides."""
    yield from _missing(log)
    yield from _system(log.system, log.bundle)
    if log.bundle is not None and log.bundle.id[:-12] != f"{log.bundle.name}-{log.bundle.version}-":
        yield f"bundle.id is {log.bundle.id}, and name and version are {log.bundle.name} and {log.bundle.version}"
    if log.artifact is not None and log.bundle is not None:
        yield from _target(log.artifact, log.bundle)
    if log.self_test is not None:
        for stage in log.self_test.stages:
            yield from _stage(stage)
        failed = [stage.stage for stage in log.self_test.stages if not stage.passed]
        if log.self_test.passed and failed:
            yield f"self_test.passed is true, and the stage {failed[0]} failed"
        if not log.self_test.passed and not failed:
            yield "self_test.passed is false, and every stage passed"
    if log.benchmark is not None and log.benchmark.p50_ms > log.benchmark.p90_ms:
        yield f"benchmark.p50_ms is {log.benchmark.p50_ms:g}, and p90_ms is {log.benchmark.p90_ms:g}, which is less"
    for i, refusal in enumerate(log.refusals):
        if refusal.during == "film" and refusal.reason:
            yield f"refusals.{i} is of a film, and has a reason, which might quote the film"
    for i, crash in enumerate(log.crashes):
        # days of one clock, written so that they sort as text
        if crash.on > log.written:
            yield f"crashes.{i} is of {crash.on}, and the log was written on {log.written}, which is earlier"


def _missing(log: FieldLog) -> Iterator[str]:
    """Parts without what they are about."""
    if log.artifact is not None and log.bundle is None:
        yield f"artifact is {log.artifact.name}, and bundle is null"
    if log.self_test is not None and log.artifact is None:
        yield "self_test is there, and artifact is null"
    if log.benchmark is not None and (log.self_test is None or not log.self_test.passed):
        state = "null" if log.self_test is None else "not passed"
        yield f"benchmark is there, and self_test is {state}"
    if log.self_test is None and not log.refusals and not log.crashes:
        yield "self_test is null, and there is no refusal and no crash: the log says nothing"


def _system(system: System, bundle: LoggedBundle | None) -> Iterator[str]:
    kinds = get_args(AppKind)
    if bundle is not None and bundle.kind in kinds and system.name in kinds and bundle.kind != system.name:
        yield f"bundle.kind is {bundle.kind}, and system.name is {system.name}"
    if system.name == "android" and system.api is None:
        yield "system.name is android, and system.api is null"
    if system.name != "android" and system.api is not None:
        yield f"system.name is {system.name}, and system.api is {system.api}, which only android has"


def _target(artifact: LoggedArtifact, bundle: LoggedBundle) -> Iterator[str]:
    """A bundle for an app has artifacts of that app's runtimes only; one for hosts has any."""
    if bundle.kind != "host" and artifact.name.target not in APP_TARGETS[bundle.kind]:
        allowed = " and ".join(APP_TARGETS[bundle.kind])
        yield f"artifact is {artifact.name}, and bundle.kind is {bundle.kind}, whose app runs {allowed}"


def _stage(stage: Stage) -> Iterator[str]:
    where = f"the stage {stage.stage}"
    if not stage.passed and not stage.detail:
        yield f"{where} failed, and its detail is empty"
    if not stage.passed:
        return
    if stage.checks == 0:
        yield f"{where} passed, and checks is 0"
    if stage.worst is None:
        yield f"{where} passed, and worst is null"
    elif stage.worst > stage.allowed:
        yield f"{where} passed, and worst is {stage.worst:g}, above allowed, which is {stage.allowed:g}"
    if stage.detail:
        yield f"{where} passed, and its detail tells of a failure"
