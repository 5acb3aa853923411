"""What to type when gates are not kept: what failed by how much, the commands that look into it, weaker bounds."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cxredge.bundle.assemble import path_of
from cxredge.errors import counted
from cxredge.metrics import BETTER_THAN_CHANCE, Metric, by_gate
from cxredge.results import Artifact, GateResult, Paired, Verdict, number
from cxredge.vocabulary import SchemeName

COMMAND = "  cxredge "
"""How a line begins that is to be typed as it stands."""
MOST = 3
"""Artifacts whose commands are written out; those of the others differ by the name alone."""


@dataclass(frozen=True)
class Surroundings:
    """Where verdicts come from, as far as commands can name it. None: there is no such thing, or it is not known."""

    bundle: Path | None = None
    """What holds the artifacts."""
    reference: Path | None = None
    """The host bundle, where ``bundle`` does not hold the reference."""
    build: Sequence[str | Path] | None = None
    """Arguments of a ``cxredge build`` that may choose the precision itself."""
    leave: Sequence[str | Path] | None = None
    """Arguments of one that leaves a failed bundle, where no bundle is there yet."""
    train: Path | None = None
    """A recipe whose student ``cxredge distill`` trains."""
    told: bool = False
    """Whether every gate that was not kept stands in words above."""


Judged = tuple[Artifact | None, Verdict]
"""A verdict, and of which file where ``Surroundings.bundle`` holds it."""


def next_steps(judged: Sequence[Judged], here: Surroundings) -> tuple[str, ...]:
    """The lines, in the order in which to try; none where every gate is kept.

    Lines that begin with ``COMMAND`` run as printed, in the folder that relative paths of ``here`` start from.
    """
    failed = [(artifact, verdict) for artifact, verdict in judged if verdict.failed]
    if not failed:
        return ()
    chance = [gate for _, verdict in failed for gate in verdict.failed if gate.gate == BETTER_THAN_CHANCE][:1]
    broken = (
        "gates that were not kept:",
        *(f"  {v.artifact}: {gate.words}" for _, v in failed for gate in v.failed if gate.gate != BETTER_THAN_CHANCE),
        *(f"  every artifact: {gate.words}" for gate in chance),
    )
    return (
        *(() if here.told else broken),
        *(_of_the_student(chance[0], here) if chance else ()),
        *_layers(failed, here),
        *_operators(failed, here),
        *_precision(failed, here, bool(chance)),
        *_bounds([verdict for _, verdict in failed]),
    )


def quoted(*words: str | Path) -> str:
    """Words of a command line as a shell takes them; a path that would pass for an option begins with ``./``."""
    return shlex.join(f"./{word}" if isinstance(word, Path) and str(word)[:1] == "-" else str(word) for word in words)


def _of_the_student(gate: GateResult, here: Surroundings) -> tuple[str, ...]:
    """No artifact is the cause: neither its layers nor its precision are worth a look."""
    lines = ["the float32 student itself is not shown to be better than chance: no precision and no bound changes that"]
    if gate.verdict == "not-shown":
        lines += [
            "judge it on more patients: more films in the recipe's evaluation split, or a greater evaluation.count"
        ]
    elif here.train is not None:
        lines += [
            "train it longer (distill.epochs) or on more films, once their labels were looked at:",
            f"{COMMAND}{quoted('distill', here.train)}",
        ]
    else:
        lines += ["look at the labels of the films, and at the operating points; then at the student's training"]
    return (*lines, "for a trial of the way alone: evaluation: {chance: allowed} in the recipe; the card then says so")


def _layers(failed: Sequence[Judged], here: Surroundings) -> tuple[str, ...]:
    """Where an artifact loses what its gates measure."""
    names = [verdict.artifact for _, verdict in failed if any(_of_answers(gate) for gate in verdict.failed)]
    if here.bundle is None:
        what = "build the recipe as it is, which leaves a failed bundle for `cxredge explain`:"
        return () if here.leave is None or not names else (what, f"{COMMAND}{quoted('build', *here.leave)}")
    more: tuple[str | Path, ...] = () if here.reference is None else ("--reference", here.reference)
    return _listed(
        "see which layers lose it, and for INT8 what to keep in float:",
        [quoted("explain", here.bundle, "--artifact", name, *more) for name in names],
    )


def _operators(failed: Sequence[Judged], here: Surroundings) -> tuple[str, ...]:
    """What a delegate leaves is in the file, and no matter of its layers' errors."""
    if here.bundle is None:
        return ()
    files = [
        here.bundle / path_of(artifact)
        for artifact, verdict in failed
        if artifact is not None
        and any(_metric(gate).of == "artifact" for gate in verdict.failed if gate.gate != BETTER_THAN_CHANCE)
    ]
    return _listed("see which operators the delegate does not take:", [quoted("inspect", file) for file in files])


def _precision(failed: Sequence[Judged], here: Surroundings, chance: bool) -> tuple[str, ...]:
    """Another precision, where an INT8 one is what breaks the gates."""
    names = [verdict.artifact for _, verdict in failed if any(_of_answers(gate) for gate in verdict.failed)]
    if any(name.scheme == "fp32" for name in names):
        return ("float32 breaks its gates too, so no precision keeps them: look at the first layer that differs",)
    if here.build is None or chance or not any(name.integer for name in names):
        return ()
    return (
        "have the cheapest precision of each target found that keeps every gate:",
        f"{COMMAND}{quoted('build', *here.build, '--precision', 'auto')}",
    )


def _bounds(verdicts: Sequence[Verdict]) -> tuple[str, ...]:
    """The bounds that would have been kept: one for a scheme, as all artifacts of it share them."""
    worst: dict[tuple[SchemeName, str], GateResult] = {}
    lines, unshown = [], dict[str, None]()
    for verdict in verdicts:
        for gate in verdict.failed:
            if gate.gate == BETTER_THAN_CHANCE:
                continue
            if gate.value is None:
                paired = getattr(verdict.figures, _metric(gate).name, None)
                reason = paired.too_few if isinstance(paired, Paired) and paired.too_few else "there is no such figure"
                unshown[f"  {verdict.artifact.scheme}: {gate.gate}: no bound would be kept: {reason}"] = None
                continue
            key = verdict.artifact.scheme, gate.gate
            known = worst.get(key)
            if known is None or known.value is None or (gate.value < known.value) == _metric(gate).at_least:
                worst[key] = gate
    for (scheme, name), gate in worst.items():
        bound = passing(_metric(gate), gate.value or 0.0)
        said = "no bound that a recipe takes would be kept" if bound is None else _weaker(gate, bound)
        lines.append(f"  gates.{scheme}.{name}: {said}")
    if worst:
        lines.insert(
            0, "or write a weaker gate into the recipe, where the model's use allows it (nothing gets better):"
        )
    return (*lines, *unshown)


def _weaker(gate: GateResult, bound: float) -> str:
    weakness = by_gate(gate.gate).weakness(bound)
    warning = "" if weakness is None else f"; a weak gate: {weakness}"
    return f"{bound:.12g}, which would be kept, instead of {number(gate.bound)}{warning}"


def passing(metric: Metric, value: float) -> float | None:
    """The strictest bound of three significant digits that ``value`` keeps; None where the recipe takes no such one."""
    step = 10.0 ** (math.floor(math.log10(abs(value))) - 2) if value else 1e-3
    towards = math.floor if metric.at_least else math.ceil
    bound = float(f"{towards(round(value / step, 6)) * step:.12g}")
    if metric.paired and bound <= value:  # a margin is kept by what stays under it
        bound = float(f"{bound + step:.12g}")
    if not metric.paired and (bound > value if metric.at_least else bound < value):  # lost in rounding to 6 digits
        bound = float(f"{bound + (-step if metric.at_least else step):.12g}")
    within = metric.bounds or {}
    low = bound > within["gt"] if "gt" in within else bound >= within.get("ge", -math.inf)
    return bound if low and bound <= within.get("le", math.inf) else None


def _listed(what: str, commands: Sequence[str]) -> tuple[str, ...]:
    """The first of several commands alike, behind what they are for."""
    if not commands:
        return ()
    more = len(commands) - MOST
    rest = (f"  and likewise for {counted(more, 'artifact')} more",) if more > 0 else ()
    return (what, *(f"{COMMAND}{command}" for command in commands[:MOST]), *rest)


def _of_answers(gate: GateResult) -> bool:
    """Whether a figure of what the artifact answers is what broke the gate."""
    return gate.verdict == "broken" and gate.gate != BETTER_THAN_CHANCE and _metric(gate).of != "artifact"


def _metric(gate: GateResult) -> Metric:
    return by_gate(gate.gate)
