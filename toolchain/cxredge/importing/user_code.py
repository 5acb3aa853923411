"""A network from a person's own Python file. It runs, in this process: whoever calls this chose to trust the file."""

from __future__ import annotations

import inspect
import sys
import traceback
from collections.abc import Callable
from importlib import util
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxredge.errors import InputError, nearest, printable, raised
from cxredge.files import sha256_file
from cxredge.path_errors import reading, shown

if TYPE_CHECKING:
    from torch import nn

MODULE = "_cxredge_imported"
"""The name under which the file is imported: none that it could meet among its own imports."""
RUN = "__cxredge_run__"
"""Of that module, once it was run: which file, with which bytes."""
OUTPUTS = ("num_classes", "n_classes", "classes", "outputs", "num_outputs", "out_features")
CHANNELS = ("in_chans", "in_channels", "channels", "n_channels", "num_channels")
FIX = "write a function without arguments (or with num_classes and in_channels) that returns the network"


def from_code(file: Path, factory: str, outputs: int, channels: int) -> nn.Module:
    """The network that ``factory`` of a Python file makes, in evaluation mode.

    The file's folder comes first in ``sys.path``, and stays there: a network may import when it runs. Arguments by the
    names of ``OUTPUTS`` and ``CHANNELS`` are given where the factory has them. Raises InputError IMPORT-CODE,
    PATH-READ; EnvironmentProblem DISK-*.
    """
    from torch import nn

    made = _named(file, factory)
    if not isinstance(made, nn.Module):
        made = _call(made, file, factory, outputs, channels)
    if not isinstance(made, nn.Module):
        raise InputError(
            "IMPORT-CODE",
            f"{printable(factory)} of {shown(file)} gives a {type(made).__name__}, and no torch.nn.Module",
            FIX,
        )
    return made.eval()


def called(file: Path, factory: str) -> object:
    """What ``factory`` of a Python file gives without arguments. Raises what ``from_code`` raises."""
    return _call(_named(file, factory), file, factory, 0, 0)


def _named(file: Path, factory: str) -> Any:
    module = _module(file)
    made = getattr(module, factory, None)
    if made is None:
        raise InputError(
            "IMPORT-CODE",
            f"{shown(file)} has no {printable(factory)}",
            "name what makes the network",
            _callables(module, factory),
        )
    return made


def _module(file: Path) -> Any:
    with reading(file):
        source = file.resolve(strict=True)
        if not source.is_file():
            raise IsADirectoryError(21, "it is a folder", str(file))
        written = sha256_file(source)
    before = sys.modules.get(MODULE)
    if getattr(before, RUN, None) == (str(source), written):
        return before  # it is run once, however often it is asked
    spec = util.spec_from_file_location(MODULE, source)
    if source.suffix != ".py" or spec is None or spec.loader is None:
        raise InputError("IMPORT-CODE", f"{shown(file)} is no Python file", "name a file that ends in .py")
    module = util.module_from_spec(spec)
    if str(source.parent) not in sys.path:
        sys.path.insert(0, str(source.parent))
    sys.modules[MODULE] = module  # dataclasses and pickles of the file look themselves up there
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise _raised(error, file, source, "the import") from error
    setattr(module, RUN, (str(source), written))
    return module


def _call(made: Any, file: Path, factory: str, outputs: int, channels: int) -> object:
    if not callable(made):
        raise InputError("IMPORT-CODE", f"{printable(factory)} of {shown(file)} is of type {type(made).__name__}", FIX)
    given = {**dict.fromkeys(OUTPUTS, outputs), **dict.fromkeys(CHANNELS, channels)}
    arguments, lacking = _arguments(made, given)
    if lacking:
        raise InputError(
            "IMPORT-CODE",
            f"{printable(factory)} of {shown(file)} wants {', '.join(lacking)}, which nobody knows here",
            FIX,
        )
    try:
        return made(**arguments)
    except (Exception, SystemExit) as error:
        raise _raised(error, file, file.resolve(), printable(factory)) from error


def _arguments(made: Callable[..., object], given: dict[str, int]) -> tuple[dict[str, int], list[str]]:
    """Arguments by name, and the names of those that have to be given and are not known."""
    try:
        parameters = inspect.signature(made).parameters.values()
    except (TypeError, ValueError):  # built in, and silent about itself
        return {}, []
    named = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    arguments = {p.name: given[p.name] for p in named if p.name in given}
    open_ones = [p for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD) and p.default is p.empty]
    return arguments, [p.name for p in open_ones if p.name not in arguments]


def _callables(module: Any, near: str) -> list[str]:
    names = [
        name
        for name, value in vars(module).items()
        if callable(value) and not name.startswith("_") and getattr(value, "__module__", None) == MODULE
    ]
    return nearest(near, names)


def _raised(error: BaseException, file: Path, source: Path, what: str) -> InputError:
    """The error with the last line of the person's own file that led to it."""
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == str(source)]
    if isinstance(error, SyntaxError) and error.filename == str(source):
        lines = [error.lineno]
    place = f", line {lines[-1]}" if lines else ""
    if isinstance(error, SystemExit):
        return InputError("IMPORT-CODE", f"{shown(file)}{place}: {what} ends the program (sys.exit)", FIX)
    return InputError(
        "IMPORT-CODE",
        f"{shown(file)}{place}: {what} raises {raised(error)}",
        "correct the file, and try it alone",
    )
