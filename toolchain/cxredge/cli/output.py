"""The one way for commands to print: whatever a name holds, a terminal obeys none of it and every encoding has it."""

from __future__ import annotations

import io
import os
import re
import select
import shutil
import sys
import textwrap
import traceback
from collections.abc import Sequence

import click

from cxredge.errors import printable

NO_BREAK = "\N{NO-BREAK SPACE}"
COMMAND = re.compile(r"`[^`]+`|(?<=\brun: )cxredge [^;]+|(?<=^  )cxredge .+")
"""What is typed as it stands: in backticks, after "run:", or a line of its own."""


def say(text: object, err: bool = False) -> None:
    """Print the lines of ``text``, to standard error if ``err``, with all that is not seen escaped."""
    click.echo("\n".join(map(printable, str(text).split("\n"))), err=err)


def say_wrapped(text: object, err: bool = False) -> None:
    """``say``; on a terminal with ends of lines between words, and what goes on indented."""
    stream = sys.stderr if err else sys.stdout
    lines = str(text).split("\n")
    if stream.isatty():
        width = shutil.get_terminal_size().columns
        lines = [part for line in lines for part in _wrapped(printable(line), width)]
    say("\n".join(lines), err)


def _wrapped(line: str, width: int) -> list[str]:
    """Words that are longer than a line, as paths can be, and commands stay whole: they are copied."""
    indent = " " * (len(line) - len(line.lstrip()))
    # no line has this space before: ``printable`` escapes it
    kept = COMMAND.sub(lambda command: command[0].replace(" ", NO_BREAK), line)
    parts = textwrap.wrap(
        kept,
        max(width, 40),
        subsequent_indent=f"{indent}    ",
        break_long_words=False,
        break_on_hyphens=False,
        drop_whitespace=True,
    )
    return [part.replace(NO_BREAK, " ") for part in parts] or [line]


as_json = click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON instead of text.")
"""The option of every command that answers; docs/json.md says what each prints."""


def say_json(value: object) -> None:
    """Print a record, or a list of them, as JSON, for a program behind a pipe: in ASCII."""
    from pydantic_core import to_jsonable_python

    from cxredge.files import terminal_json

    click.echo(terminal_json(to_jsonable_python(value)), nl=False)


def say_table(header: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    """Print a table; on a terminal no wider than that is."""
    from cxredge.report.fitted import as_fitted_text

    say(as_fitted_text(header, cells, width()))


def width() -> int | None:
    """Columns of the terminal that is printed to; None where it is none, and lines are as long as they are."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def prepare() -> None:
    """Make standard input, output and error fit to use, however this process was started.

    One that was closed becomes the null device, or the next file that is opened would be written in its place. What an
    encoding lacks is escaped.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    # Python has None for one that was closed
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115 - as long as the process
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def flush() -> None:
    """Write what was printed. Raises OSError."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()


def nobody_reads() -> bool:
    """Whether the reader of our output went away (``cxredge ... | head``)."""
    readers = select.poll()
    for number in (1, 2):
        readers.register(number, 0)
    return any(event & select.POLLERR for _, event in readers.poll(0))


def is_of_printing(error: BaseException) -> bool:
    """Whether an exception was raised by printing, not by what a command does."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    return bool(frames) and frames[-1].f_code in (click.echo.__code__, flush.__code__)
