"""The one way this product says no: a code, a cause, a fix and, where there is a choice, the choices.

Exit statuses (documented in README.md): 0 good, 1 a gate or proof failed, 2 misuse or bad input, 3 the environment.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

EXIT_GOOD = 0
EXIT_GATE = 1
EXIT_MISUSE = 2
EXIT_ENVIRONMENT = 3
EXIT_INTERRUPTED = 130
"""After Ctrl-C, as shells have it: 128 and the signal's number."""


class CxrError(Exception):
    """An expected failure, shown without a traceback.

    code: stable identifier, ``<FAMILY>-<WHAT>`` in capitals (``IMG-COLOUR``). Never reused for another meaning.
    cause: what was found, with the file, key or value.
    fix: what the person can do about it, one sentence.
    choices: the valid values, nearest first, where the fix is to pick one.
    """

    exit_code = EXIT_MISUSE

    def __init__(self, code: str, cause: str, fix: str, choices: Iterable[str] = ()) -> None:
        self.code = code
        self.cause = cause
        self.fix = fix
        self.choices = tuple(choices)
        super().__init__(f"[{code}] {cause}")

    def __reduce__(self) -> tuple[object, ...]:
        return (type(self), (self.code, self.cause, self.fix, self.choices))

    def record(self) -> dict[str, str]:
        """What a program reads."""
        return {"code": self.code, "cause": self.cause, "fix": self.fix}

    def text(self) -> str:
        """The three or four lines a person reads, with what a terminal would obey escaped."""
        lines = [f"error [{self.code}]: {self.cause}", f"fix: {self.fix}"]
        if self.choices:
            lines.append(f"choices: {', '.join(self.choices)}")
        return "\n".join(printable(line) for line in "\n".join(lines).split("\n"))


class InputError(CxrError):
    """What the person gave (recipe, image, data, bundle, weights) cannot be used. Exit status 2."""


class ProofFailed(CxrError):
    """What was to be proved does not hold, though nothing was misused. Exit status 1."""

    exit_code = EXIT_GATE


class EnvironmentProblem(CxrError):
    """This machine cannot do it (package missing, disk full, exporter crashed). Exit status 3."""

    exit_code = EXIT_ENVIRONMENT


def printable(text: str) -> str:
    """``text`` with control characters escaped: it may be a stranger's, and a terminal would obey them."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def nearest(word: str, choices: Iterable[str]) -> list[str]:
    """All choices, those most like ``word`` first, so that the first one answers "did you mean"."""
    known = list(choices)
    close = difflib.get_close_matches(word, known, n=3, cutoff=0.5)
    return close + sorted(c for c in known if c not in close)
