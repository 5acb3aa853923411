"""The one way this product says no: a code, a cause, a fix and, where there is a choice, the choices.

Exit statuses (documented in README.md): 0 good, 1 a gate or proof failed, 2 misuse or bad input, 3 the environment,
4 a fault of the product itself.
"""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable, Sequence

EXIT_GOOD = 0
EXIT_GATE = 1
EXIT_MISUSE = 2
EXIT_ENVIRONMENT = 3
EXIT_INTERNAL = 4
EXIT_INTERRUPTED = 130
"""After Ctrl-C, as shells have it: 128 and the signal's number."""


class CxrError(Exception):
    """An expected failure, shown without a traceback.

    code: stable identifier, ``<FAMILY>-<WHAT>`` in capitals (``IMG-COLOUR``). Never reused for another meaning.
    cause: what was found, with the file, key or value.
    fix: what the person can do about it, one sentence.
    choices: the valid values, nearest first, where the fix is to pick one.
    paste: lines of ours to be copied into a file, printed last and as they are.
    """

    exit_code = EXIT_MISUSE

    def __init__(self, code: str, cause: str, fix: str, choices: Iterable[str] = (), paste: str = "") -> None:
        self.code = code
        self.cause = cause
        self.fix = fix
        self.choices = tuple(choices)
        self.paste = paste
        super().__init__(f"[{code}] {cause}")

    def __reduce__(self) -> tuple[object, ...]:
        return (type(self), (self.code, self.cause, self.fix, self.choices, self.paste))

    def record(self) -> dict[str, str]:
        """What a program reads."""
        told = {"code": self.code, "cause": self.cause, "fix": self.fix}
        return told | ({"paste": self.paste} if self.paste else {})

    def text(self) -> str:
        """The three or four lines a person reads, with what a terminal would obey escaped.

        Lines inside of one, as another program's last words have them, are indented: none can pass for another of ours.
        """
        lines = [f"error [{self.code}]: {self.cause}", f"fix: {self.fix}"]
        if self.choices:
            lines.append(f"choices: {', '.join(self.choices)}")
        told = ["\n    ".join(map(printable, line.split("\n"))) for line in lines]
        return "\n".join([*told, *map(printable, self.paste.split("\n"))] if self.paste else told)


class InputError(CxrError):
    """What the person gave (recipe, image, data, bundle, weights) cannot be used. Exit status 2."""


class ProofFailed(CxrError):
    """What was to be proved does not hold, though nothing was misused. Exit status 1."""

    exit_code = EXIT_GATE


class EnvironmentProblem(CxrError):
    """This machine cannot do it (package missing, disk full, exporter crashed). Exit status 3."""

    exit_code = EXIT_ENVIRONMENT


class InternalError(CxrError):
    """What no check foresaw: a fault of the product. Exit status 4."""

    exit_code = EXIT_INTERNAL


_UNSEEN = frozenset(
    map(chr, (0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, *range(0x180B, 0x1810), 0x3164, *range(0xFE00, 0xFE10), 0xFFA0))
) | frozenset(map(chr, range(0xE0100, 0xE01F0)))
"""Letters and marks that no font shows: those of Unicode's Default_Ignorable_Code_Point that count as printable."""


def unseen(sign: str) -> bool:
    """Whether one character is none that people see: a control, an end of a line, a turn of the direction of writing, a
    sign without width, half of a character. Blanks of every width are seen."""
    return sign in _UNSEEN or not (sign.isprintable() or unicodedata.category(sign) == "Zs")


def printable(text: str) -> str:
    """``text`` with all that is not seen escaped: it may be a stranger's, and a terminal would obey it.

    Controls, escapes, ends of lines, signs that turn the direction of writing or have no width, and the surrogates in
    which names come that are not UTF-8.
    """
    return "".join(c if c.isprintable() and c not in _UNSEEN else ascii(c)[1:-1] for c in text)


def first_line(error: BaseException, most: int | None = 200) -> str:
    """An exception's first line, printable and short, or its type: it may quote a stranger's bytes."""
    return printable((str(error).splitlines() or [type(error).__name__])[0][:most])


def raised(error: BaseException) -> str:
    """The type of an exception of foreign code, and what it says first."""
    return f"{type(error).__name__}: {printable((str(error).splitlines() or [''])[0][:300])}"


def some_of(names: Sequence[str], sign: str = ", ", most: int = 3) -> str:
    """The first of ``names``, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return sign.join(names[:most]) + more


def counted(number: int, noun: str) -> str:
    """``1 film``, ``2 films``, ``2 processes``, ``2 entries``."""
    if number == 1:
        return f"1 {noun}"
    if noun.endswith("ry"):
        return f"{number:,} {noun[:-1]}ies"
    return f"{number:,} {noun}{'es' if noun.endswith(('s', 'x', 'sh', 'tch')) else 's'}"


def alike(word: str, choices: Iterable[str], most: int = 5) -> list[str]:
    """Of many choices those that ``word`` may be a slip for, likest first; none where none is like it."""
    return difflib.get_close_matches(word, list(choices), n=most, cutoff=0.6)


def nearest(word: str, choices: Iterable[str]) -> list[str]:
    """All choices, those most like ``word`` first, so that the first one answers "did you mean"."""
    known = list(choices)
    close = difflib.get_close_matches(word, known, n=3, cutoff=0.5)
    return close + sorted(c for c in known if c not in close)
