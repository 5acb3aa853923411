"""Say which operator, in which module, on which source line an exporter stumbled over."""

from __future__ import annotations

import re
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxredge.errors import InputError
from cxredge.recipe_input import InputSpec

if TYPE_CHECKING:
    from cxredge.students.base import Student

LONGEST = 400
"""Characters of the exporter's own words that a message keeps."""


@dataclass(frozen=True)
class _Place:
    """One call in the student's source: the operator there, its module's path and class, and file:line."""

    operator: str
    module: str
    kind: str
    source: str

    def text(self) -> str:
        where = f"in module {self.module} ({self.kind})" if self.module else f"in the student itself ({self.kind})"
        return f"operator {self.operator} {where} at {self.source}"


def lowering_error(name: str, student: Student, spec: InputSpec, error: Exception) -> InputError:
    """InputError TARGET-LOWERING for ``error``, which lowering ``student`` to ``name`` (``tflite/w8a8``) raised.

    The student's torch.export graph is walked for the operators and source lines that the error's text names; where it
    names none, nothing is guessed.
    """
    said = " ".join(_chain(error))
    place = _find(student, spec, said)
    short = re.sub(r"\s+", " ", said).strip()[:LONGEST]
    if place is None:
        cause = f"{name}: the exporter failed and names no operator of the student: {short}"
        fix = "read the exporter's words above; lower the backbone's parts one by one to find the one that it refuses"
    else:
        cause = f"{name} cannot lower {place.text()}: {short}"
        fix = f"replace {place.operator} in that module, or drop {name} from the recipe's targets"
    return InputError("TARGET-LOWERING", cause, fix)


def running_error(name: str, student: Student, spec: InputSpec, node: Any | None, said: str) -> InputError:
    """InputError TARGET-LOWERING for an artifact that was written, and that its own runtime refuses.

    node: of a graph that ``student`` was lowered to, where the runtime names one; else its words are searched.
    """
    place = _place(node) if node is not None and node.meta.get("stack_trace") else _find(student, spec, said)
    where = "which names no operator of the student" if place is None else f"because of {place.text()}"
    short = re.sub(r"\s+", " ", said).strip()[-LONGEST:]
    first = f"drop {name} from the recipe's targets"
    return InputError(
        "TARGET-LOWERING",
        f"{name} was lowered, and its own runtime refuses it, {where}. The file is whole; the runtime said: {short}",
        first
        if place is None
        else f"write {place.operator} in that module otherwise, keep the module in float, or {first}",
    )


def _chain(error: BaseException | None) -> Iterator[str]:
    """What the error and those that it was raised from say."""
    while error is not None:
        yield f"{type(error).__name__}: {error}"
        error = error.__cause__


def _find(student: Student, spec: InputSpec, said: str) -> _Place | None:
    import torch

    example = (torch.zeros(1, spec.channels, spec.height, spec.width),)
    try:
        program = torch.export.export(student, example)
        decomposed = program.run_decompositions().graph
    except Exception:
        return _from_traceback(said)
    written = [n for n in program.graph.nodes if n.op == "call_function" and "stack_trace" in n.meta]
    best: tuple[int, Any] = (0, None)
    for node in [*written, *(n for n in decomposed.nodes if n.op == "call_function" and "stack_trace" in n.meta)]:
        score = _score(node, said)
        if score > best[0]:
            best = (score, node)
    node = best[1]
    return None if node is None else _place(_origin(node, written, decomposed))


def _score(node: Any, said: str) -> int:
    """3 for the operator's full name, 2 for its bare name as a word, and 2 more for its source line."""
    full = str(node.target)
    bare = full.split(".")[1] if full.count(".") >= 1 else full
    score = 0
    if full in said:
        score = 3
    elif re.search(rf"(?<![\w.]){re.escape(bare)}(?!\w)", said.replace("::", " ").replace("aten.", " ")):
        score = 2
    frames = _frames(node.meta["stack_trace"])
    if score and frames and f'"{frames[-1][0]}", line {frames[-1][1]},' in said:
        score += 2
    return score


def _origin(node: Any, written: list[Any], decomposed: Any) -> Any:
    """The operator as the student's author wrote it: of those on the same source line, the one decomposed away."""
    same = [n for n in written if n.meta["stack_trace"] == node.meta["stack_trace"]]
    if any(n.target == node.target for n in same):
        return next(n for n in same if n.target == node.target)
    left = {str(n.target) for n in decomposed.nodes if n.meta.get("stack_trace") == node.meta["stack_trace"]}
    gone = [n for n in same if str(n.target) not in left]
    return (gone or same or [node])[0]


def _place(node: Any) -> _Place:
    stack = list(node.meta.get("nn_module_stack", {}).values())
    path, kind = stack[-1] if stack else ("", "Student")
    kind = kind if isinstance(kind, str) else kind.__name__
    frames = _frames(node.meta["stack_trace"])
    own = [f for f in frames if "/torch/nn/modules/" not in f[0]] or frames
    file, line = own[-1]
    # a delegate's graph has the operators of the student's as copies, in a dialect of its own
    full = re.sub(r"^.*\baten\.(\w+?)(_copy)?\.\w+.*$", r"aten.\1.", str(node.target), flags=re.DOTALL)
    operator = full.split(".")[1] if full.startswith("aten.") else full
    return _Place(operator, path, kind.rsplit(".", 1)[-1], f"{shown(file)}:{line}")


def _frames(trace: str) -> list[tuple[str, str]]:
    return re.findall(r'File "([^"]+)", line (\d+)', trace)


def shown(file: str) -> str:
    """A source path without this machine's folders: relative to an import root where there is one."""
    roots = [sysconfig.get_path("purelib"), str(Path(__file__).parents[2]), str(Path.cwd()), *sys.path]
    for root in (r for r in roots if r):
        if Path(file).is_relative_to(root):
            return Path(file).relative_to(root).as_posix()
    return Path(file).name


def _from_traceback(said: str) -> _Place | None:
    """When torch.export itself refuses the student, its message quotes the student's own line."""
    operator = re.search(r"aten[.:]+(\w+)", said)
    frames = [f for f in _frames(said) if "/torch/" not in f[0]]
    if operator is None or not frames:
        return None
    return _Place(operator[1], "", "Student", f"{shown(frames[-1][0])}:{frames[-1][1]}")
