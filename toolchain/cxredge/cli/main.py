"""The ``cxredge`` command: a table of commands, each imported only when it is called, and one place for errors."""

from __future__ import annotations

import contextlib
import importlib
import io
import keyword
import os
import sys
from collections.abc import Sequence

import click

from cxredge import __version__
from cxredge.cli.last_resort import last_resort
from cxredge.cli.limits import enough_files
from cxredge.cli.output import flush, nobody_reads, say_wrapped
from cxredge.cli.stopping import stop_on_signals, stopped_status
from cxredge.errors import EXIT_GOOD, EXIT_MISUSE, CxrError, InputError, nearest
from cxredge.interruption import raised
from cxredge.path_errors import TYPED

# the one-line helps stand here so that `cxredge --help` imports no command
COMMANDS = {
    "build": "Build, calibrate, verify and bundle a recipe.",
    "verify": "Re-run every artifact of a bundle on held-out films and judge it again.",
    "merge": "Put the shards of a verification together, to be judged as one.",
    "gate": "Hold the figures of a results file against a recipe's gates, for CI.",
    "explain": "Say which layers of an artifact lose most, and what float would give back.",
    "predict": "What one bundle says of films: findings, or one class or uncertain.",
    "plan": "Say what a build would do and why, without doing it.",
    "inspect": "Say what a model file holds: operators, dtypes, weights and cost.",
    "bench": "Size, load time and latency of every artifact against eager.",
    "compare": "On a Mac: a bundle's Core ML artifacts by Core ML and by the evaluator.",
    "keygen": "Write a pair of keys for signing bundles.",
    "sign": "Sign a bundle, so that apps can trust it.",
    "verify-signature": "Say who signed a bundle, and that nothing changed since.",
    "rebuild-check": "Build a recipe twice from nothing, and hold the bytes against each other.",
    "field": "Sum up the logs that apps export: device, latency, what became of it.",
    "doctor": "Say what this machine can build, run and verify, and how to fix the rest.",
    "import": "Turn a network that was trained elsewhere into a student, and prove it.",
    "init": "Write a whole recipe, with comments, for a data set.",
    "distill": "Train a recipe's teacher and student, and write weights and results.",
    "baselines": "Compare a student with its teacher pruned, quantised, or left out.",
    "zoo": "List every model of the zoo: data, scores, size, verdict; write their cards.",
    "data": "Look for leaks, duplicates, unreadable films and shortcuts in a data set.",
    "quality": "Fit what tells films that are inverted, upside down or turned, without training.",
    "thresholds": "Choose decision thresholds by the recipe's rules, without training.",
    "phantom": "Write a data set of phantom chest radiographs.",
    "schema": "Write the JSON Schemas of recipe, manifest, results and field log.",
    "vectors": "Write the vectors of preprocessing and decisions shared with Kotlin and Swift.",
}


COMPLETE = "_CXREDGE_COMPLETE"
"""The variable by which click's scripts for shells ask: ``bash_source``, ``zsh_complete`` and the like."""
ASKING = {"-h", "--help", "--version"}
"""Words for which this program is only asked about itself: that goes anywhere."""


class LazyGroup(click.Group):
    """Commands by name from ``cxredge.cli.<name>``, found without importing them."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click's own. Raises UsageError for an empty argument: as a path it would be this folder, as a list all."""
        if any(word == "" or (word.startswith("--") and word.endswith("=")) for word in args):
            raise click.UsageError("an argument is empty: an unset variable?", ctx)
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, in the order of a day's work."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now; None when there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        module = cmd_name.replace("-", "_") + "_" * keyword.iskeyword(cmd_name)
        command: click.Command = getattr(importlib.import_module(f"cxredge.cli.{module}"), module)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click's own, with the nearest command names in the refusal."""
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            raise click.UsageError(f"no command {args[0]!r}; choices: {', '.join(nearest(args[0], COMMANDS))}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The table of commands, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="cxredge")
def cli() -> None:
    """Turn a distilled chest-X-ray student into models that phones run, and prove that they still say the same.

    Exit status: 0 good, 1 a gate or a proof failed, 2 misuse or bad input, 3 the environment, 4 a fault of cxredge
    itself, which says what to report (CXREDGE_TRACEBACK=1 prints the traceback); 130, 143 or 129 when Ctrl-C, SIGTERM
    or SIGHUP ended it.
    Nothing here is a medical device, and no figure is a claim of clinical validity.
    """


def main() -> None:
    """The whole command: expected failures print their code, cause and fix, and set the documented exit status."""
    from cxredge.cli.output import prepare
    from cxredge.workers.process_end import leave

    try:
        stop_on_signals()
        prepare()
        asked = os.environ.get(COMPLETE)
        if asked is None:
            _keep_torch_from_making_a_folder()
            status = run(sys.argv[1:])
        else:
            status = _complete(asked)
    except KeyboardInterrupt as stop:  # while the last word was said
        status = stopped_status(stop)
    # every file is closed by now; where torch was imported, taking the interpreter apart costs more than a film's run
    leave(status)


def _complete(asked: str) -> int:
    """What a shell asks for when somebody types Tab, or once for its script: no command is run."""
    from click.shell_completion import shell_complete

    return EXIT_GOOD if shell_complete(cli, {}, "cxredge", COMPLETE, asked) == 0 else EXIT_MISUSE


def _keep_torch_from_making_a_folder() -> None:
    """When it is imported it makes one for what it compiles among the temporary files, unless it is told of one.

    Nothing is compiled here, so any that is there will do. ``tempfile`` knows more of them, and is slow to load.
    """
    folder = os.environ.get("TMPDIR") or "/tmp"
    if os.path.isdir(folder):
        os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", folder)


def run(arguments: Sequence[str]) -> int:
    """Run a command as it was typed, and give its exit status: no exception leaves this function."""
    try:
        enough_files()
        if arguments and ASKING.isdisjoint(arguments):
            _check_working_folder()
        # not click's own main: it takes whatever meets the end of a file for an interruption
        with cli.make_context("cxredge", list(arguments)) as context:
            status = cli.invoke(context)
        flush()
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.ClickException as error:
        shown = io.StringIO()
        error.show(shown)
        return _told(shown.getvalue().rstrip("\n"), EXIT_MISUSE)
    except BaseException as error:
        if isinstance(error, click.Abort | KeyboardInterrupt) or raised():
            return _told("interrupted: what was whole before is still whole", stopped_status(raised() or error))
        if isinstance(error, BrokenPipeError) and nobody_reads():
            # not an error of ours
            return EXIT_GOOD
        refusal = error if isinstance(error, CxrError) else last_resort(error, _named(arguments))
        return _told(refusal.text(), refusal.exit_code)
    return status if isinstance(status, int) else EXIT_GOOD


def _check_working_folder() -> None:
    """Raises InputError PATH-READ where it was deleted: libraries that are imported later end the process for it."""
    try:
        os.getcwd()
    except OSError as error:
        raise InputError(
            "PATH-READ",
            f"the working folder cannot be read: {TYPED.get(error.errno or 0, error.strerror)}",
            "change to a folder that is there",
        ) from error


def _named(arguments: Sequence[str]) -> str:
    """The command that was typed, for a report: other words may be names of files, or worse."""
    return next((f"`{word}`" for word in arguments if word in COMMANDS), "unknown")


def _told(text: str, status: int) -> int:
    """``status``, with ``text`` on standard error, where that can be written to."""
    with contextlib.suppress(OSError, ValueError):
        say_wrapped(text, err=True)
    return status
