"""``cxredge predict``: what the phone would say of a film."""

from __future__ import annotations

from pathlib import Path

import click

from cxredge.cli.output import as_json, say, say_json, say_wrapped


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
@as_json
def predict(
    bundle: Path,
    films: tuple[Path, ...],
    artifact: str | None,
    heatmap: Path | None,
    label: str | None,
    other_kinds: bool,
    as_json: bool,
) -> int:
    """What BUNDLE says of FILMS (DICOM, PNG, JPEG; folders are searched): findings, or one class or "uncertain".

    A film that cannot be read is reported with its code, the others go on, and the exit status is 2. Of a folder, files
    that do not claim to be films, such as tables, are left out and named.
    """
    from cxredge.errors import EXIT_GOOD, EXIT_MISUSE, printable
    from cxredge.report.findings import text
    from cxredge.workflows.predict import Predictor, files_said

    if label is not None and heatmap is None:
        raise click.UsageError("--label is the heatmap's; name its place with --heatmap")
    predictor = Predictor(bundle, films, artifact, heatmap, label, other_kinds)
    if predictor.left_out:
        say_wrapped(files_said(predictor.left_out), err=True)
    records: list[object] = []
    failed = 0
    for prediction in predictor.run():
        found, error = prediction.findings, prediction.error
        if found is not None:
            records.append(found)
            if not as_json:
                say_wrapped(text(found, predictor.phantoms))
        if error is not None:
            failed += 1
            records.append({"film": str(prediction.film), "error": error.record()})
            if not as_json:
                say(f"{printable(str(prediction.film))}\n{error.text()}", err=True)
    if as_json:
        say_json(records)
    return EXIT_MISUSE if failed else EXIT_GOOD
