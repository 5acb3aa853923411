"""What a command says of an exception that no check foresaw: a refusal by code, never a traceback.

The environment variable ``CXREDGE_TRACEBACK``, set to anything, prints the traceback too.
"""

from __future__ import annotations

import contextlib
import os
import platform
import sys
import traceback
from pathlib import Path

from cxredge import __version__
from cxredge.cli.output import is_of_printing
from cxredge.errors import CxrError, EnvironmentProblem, InputError, InternalError
from cxredge.path_errors import DENIED, FULL, TYPED, failed, shown

PACKAGE = Path(__file__).resolve().parent.parent
VARIABLE = "CXREDGE_TRACEBACK"


def last_resort(error: BaseException, command: str) -> CxrError:
    """``error`` as this product says no: by what it means where that is certain, else INTERNAL.

    command: what a report calls it. Nothing is raised, whatever is broken: nobody is left to say it.
    """
    if os.environ.get(VARIABLE):
        with contextlib.suppress(Exception):  # standard error may be closed
            traceback.print_exception(error, file=sys.stderr)
    try:
        return _refusal(error, command)
    except Exception:
        return _internal(f"{type(error).__name__} in a place that could not be told", command)


def _refusal(error: BaseException, command: str) -> CxrError:
    if isinstance(error, MemoryError):
        return EnvironmentProblem("MEMORY-LOW", "this machine's memory is full", "close other programs, or give less")
    if isinstance(error, OSError) and not _is_ours(error.filename):
        if is_of_printing(error):
            return _not_printed(error)
        if error.errno in FULL:
            return EnvironmentProblem("DISK-FULL", f"no space left: {error.strerror}", "free some space")
        if isinstance(error.filename, str | bytes | os.PathLike):
            return _of_a_path(shown(error.filename), error)
    if isinstance(error, ImportError) and not (error.name or "cxredge").startswith("cxredge"):
        return EnvironmentProblem(
            "PACKAGE-IMPORT", f"a package does not import: {error}", "run `make setup`, then `cxredge doctor`"
        )
    return _internal(f"{type(error).__name__} in {_place(error)}", command)


def _internal(what: str, command: str) -> InternalError:
    return InternalError(
        "INTERNAL",
        f"{what}, which no check foresaw",
        f"report these lines: command {command}, cxredge {__version__}, Python {platform.python_version()} on "
        f"{platform.system()} {platform.machine()}; {VARIABLE}=1 prints the whole traceback, which may hold names of "
        "your files",
    )


def _is_ours(filename: object) -> bool:
    """Whether a path is of the installed package: a file that it lacks is no fault of whoever calls it."""
    return isinstance(filename, str | os.PathLike) and _absolute(filename).is_relative_to(PACKAGE)


def _absolute(filename: str | os.PathLike[str]) -> Path:
    """As it is where the working folder was deleted: what is called without one is then nowhere."""
    try:
        return Path(filename).absolute()
    except OSError:
        return Path(filename)


def _of_a_path(path: str, error: OSError) -> CxrError:
    """What the system says of a path, whatever was to be done with it."""
    if error.errno in (*TYPED, *DENIED):
        return InputError(
            "PATH-REFUSED",
            f"{path}: {TYPED.get(error.errno, error.strerror)}",
            "name another path, or correct its kind, its length or its permissions",
        )
    return failed(path, error)


def _not_printed(error: OSError) -> EnvironmentProblem:
    if error.errno in FULL:
        return EnvironmentProblem(
            "DISK-FULL", f"no space left for what was printed: {error.strerror}", "free some space"
        )
    return EnvironmentProblem(
        "PRINT-FAILED", f"what was printed could not be written: {error.strerror}", "send the output somewhere else"
    )


def _place(error: BaseException) -> str:
    """File, line and function of the innermost frame that is ours, without the folders that lead to it."""
    ours = [f for f in _frames(error) if _is_ours(f.filename)]
    if not ours:
        return "no file of ours"
    last = ours[-1]
    return f"{_absolute(last.filename).relative_to(PACKAGE.parent).as_posix()}:{last.lineno} ({last.name})"


def _frames(error: BaseException) -> list[traceback.FrameSummary]:
    return list(traceback.StackSummary.extract(traceback.walk_tb(error.__traceback__), lookup_lines=False))
