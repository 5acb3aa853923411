"""Every command by the words that call it: those of a group are named behind it."""

from __future__ import annotations

import click

from cxredge.cli.main import COMMANDS, cli


def every_command() -> dict[str, click.Command]:
    """``{"build": ..., "data check": ...}``."""
    found: dict[str, click.Command] = {}
    context = click.Context(cli)
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None, name
        if isinstance(command, click.Group):
            found |= {f"{name} {below}": one for below, one in command.commands.items()}
        else:
            found[name] = command
    return found
