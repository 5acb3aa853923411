"""``cxredge data``: what is to be known of a folder of films before anything learns from it."""

from __future__ import annotations

import click

from cxredge.cli.output import as_json, say, say_json, say_table, say_wrapped


@click.group()
def data() -> None:
    """Look at a data set before anything learns from it."""


@data.command()
@click.argument("folder", metavar="DIR", type=click.Path())
@click.option("--label-column", help="Only column with each film's class; others are then tried as shortcuts.")
@click.option("--labels", help="0/1 columns that are the labels, comma-separated; others are then tried as shortcuts.")
@as_json
def check(folder: str, label_column: str | None, labels: str | None, as_json: bool) -> int:
    """Look for leaks, duplicates, unreadable films and shortcuts in DIR: a folder with labels.csv, or a set's name.

    Every film is read once; nothing is written or sent. Exit status 1: a patient or a picture is in two splits. All
    else is told and does not fail.
    """
    from cxredge.cli.listing import words
    from cxredge.data.data_check import check_data
    from cxredge.data.other_sets import find_folder
    from cxredge.errors import EXIT_GATE, EXIT_GOOD
    from cxredge.report import data_findings as told

    found = check_data(find_folder(folder), label_column, words(labels))
    status = EXIT_GATE if found.leaking else EXIT_GOOD
    if as_json:
        say_json(found)
        return status
    say_wrapped(told.heading(found))
    for line in told.not_taken(found):
        say_wrapped(line)
    say_table(*told.counts(found))
    say("")
    for line in [*told.leaks(found), *told.files(found)]:
        say_wrapped(line)
    if rows := told.shortcuts(found):
        say("")
        say_wrapped("AUC on other patients, by what is no anatomy; * gives the label away:")
        say_table(told.SHORTCUTS, rows)
    for line in told.given_away(found):
        say_wrapped(line)
    say("")
    say_wrapped(told.verdict(found))
    return status
