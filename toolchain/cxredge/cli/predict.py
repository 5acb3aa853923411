"""``cxredge predict``: what the phone would say of a film."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cxredge.cli.output import as_json, say, say_json, say_wrapped

if TYPE_CHECKING:
    from cxredge.report.findings import FilmClass, FilmFindings


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@click.argument("films", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--artifact", metavar="TARGET/SCHEME", help="Which artifact to ask (default: the bundle's primary one).")
@click.option(
    "--heatmap",
    type=click.Path(path_type=Path),
    help="Write the picture there: a .png for one film, a folder for more.",
)
@click.option("--label", help="Label of the heatmap (default: the one that stands out most).")
@click.option(
    "--other-kinds",
    is_flag=True,
    help="Also DICOM films of other modalities, body parts or views than the model takes; the answer says so.",
)
@click.option(
    "--despite-quality",
    is_flag=True,
    help="Also films that look inverted, upside down, turned or mirrored, without asking; the answer says so.",
)
@as_json
def predict(
    bundle: Path,
    films: tuple[Path, ...],
    artifact: str | None,
    heatmap: Path | None,
    label: str | None,
    other_kinds: bool,
    despite_quality: bool,
    as_json: bool,
) -> int:
    """What BUNDLE says of FILMS (DICOM, PNG, JPEG; folders are searched): findings, or one class or "uncertain".

    A film that cannot be read is reported with its code, the others go on, and the exit status is 2. So is one that
    looks inverted, upside down or turned, but that a terminal asks first; mirrored is only ever a question. Of a
    folder, files that do not claim to be films, such as tables, are left out and named.
    """
    from cxredge.errors import EXIT_GOOD, EXIT_MISUSE, printable
    from cxredge.report.findings import text
    from cxredge.workflows.predict import Predictor, files_said

    if label is not None and heatmap is None:
        raise click.UsageError("--label is the heatmap's; name its place with --heatmap")
    go_on: Callable[[FilmFindings | FilmClass], bool] | None = None
    if despite_quality:
        go_on = _always
    elif not as_json and sys.stdin.isatty() and sys.stderr.isatty():
        go_on = _asked
    predictor = Predictor(bundle, films, artifact, heatmap, label, other_kinds, go_on)
    if predictor.left_out:
        say_wrapped(files_said(predictor.left_out), err=True)
    records: list[object] = []
    failed = 0
    if predictor.failed:
        say("this bundle's gates were not kept: its answers are for looking into alone", err=True)
    for prediction in predictor.run():
        found, error = prediction.findings, prediction.error
        if found is not None:
            records.append(found)
            if not as_json:
                say_wrapped(text(found, predictor.phantoms))
        if error is not None:
            failed += 1
            accidents = prediction.quality
            said = (
                {} if accidents is None else {"quality": [accident.model_dump(mode="json") for accident in accidents]}
            )
            records.append({"film": str(prediction.film), "error": error.record(), **said})
            if accidents is not None and go_on is not None:
                say_wrapped(f"{printable(str(prediction.film))}: left out, as it looks wrong ({error.code})", err=True)
            elif not as_json:
                say_wrapped(f"{printable(str(prediction.film))}\n{error.text()}", err=True)
    if as_json:
        say_json(records)
    return EXIT_MISUSE if failed else EXIT_GOOD


def _always(found: FilmFindings | FilmClass) -> bool:
    return True


def _asked(found: FilmFindings | FilmClass) -> bool:
    """Whether somebody at the terminal, who was told what the film looks like, wants its answer all the same."""
    from cxredge.report.findings import WHAT_TO_DO, evidence, looks, suspicions

    say_wrapped(found.film, err=True)
    for accident in suspicions(found):
        looked = f"this film looks {looks([accident])} ({evidence(accident)})"
        say_wrapped(f"{looked}: {WHAT_TO_DO[accident.kind]}", err=True)
    try:
        return click.confirm("Go on with this film as it is?", default=False, err=True)
    except click.Abort as abort:
        if not isinstance(abort.__context__, EOFError):
            raise
        # the end of the answers is none, as Enter alone is; Ctrl-C still ends the command
        say("", err=True)
        return False
