"""``cxredge predict``: what the phone would say of a film."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from cxredge.bundle.manifest import Manifest
    from cxredge.report.findings import FilmFindings
    from cxredge.targets.runner import Runner


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@click.argument("films", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--artifact", metavar="TARGET/SCHEME", help="Which artifact to ask (default: the bundle's primary one).")
@click.option(
    "--heatmap",
    type=click.Path(path_type=Path),
    help="Write the picture there: a .png for one film, a folder for more.",
)
@click.option("--label", help="Label of the heatmap (default: the one furthest above its operating point).")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list instead of text.")
def predict(
    bundle: Path, films: tuple[Path, ...], artifact: str | None, heatmap: Path | None, label: str | None, as_json: bool
) -> int:
    """Findings of BUNDLE on FILMS (DICOM, PNG, JPEG; folders are searched), against their operating points.

    A film that cannot be read is reported with its code, the others go on, and the exit status is 2.
    """
    from cxredge.bundle.manifest import read_manifest
    from cxredge.errors import EXIT_GOOD, EXIT_MISUSE, CxrError, InputError, nearest
    from cxredge.files import canonical_json
    from cxredge.progress import track
    from cxredge.report.findings import text
    from cxredge.targets import get_target

    manifest = read_manifest(bundle)
    entry = manifest.artifact(artifact or manifest.primary)
    names = manifest.recipe.labels.names
    if label is not None and label not in names:
        raise InputError(
            "PREDICT-LABEL", f"the bundle has no label {label}", "choose one of its labels", nearest(label, names)
        )
    paths = list(_expand(films))
    if heatmap is not None and (len(paths) > 1) == (heatmap.suffix.lower() == ".png"):
        raise InputError(
            "PREDICT-HEATMAP",
            f"--heatmap {heatmap} does not fit {len(paths)} film(s)",
            "name a .png for one film, a folder for several",
        )
    results, failed = [], 0
    with get_target(entry.artifact.target).open(bundle / entry.path) as runner:
        for path in track(paths, "predict", total=len(paths)):
            try:
                result = _one(manifest, entry.artifact.name, runner, path, heatmap, len(paths) > 1, label)
            except CxrError as error:
                failed += 1
                if as_json:
                    results.append(
                        {"film": str(path), "error": {"code": error.code, "cause": error.cause, "fix": error.fix}}
                    )
                else:
                    click.echo(f"{path}\n{error.text()}", err=True)
                continue
            if as_json:
                results.append(result.model_dump(mode="json"))
            else:
                click.echo(text(result, manifest.recipe.data.source == "phantom"))
    if as_json:
        click.echo(canonical_json(results), nl=False)
    return EXIT_MISUSE if failed else EXIT_GOOD


def _one(
    manifest: Manifest, artifact: str, runner: Runner, path: Path, heatmap: Path | None, many: bool, label: str | None
) -> FilmFindings:
    import io

    from cxredge.files import sha256_file, write_bytes
    from cxredge.images.preprocess import preprocess, to_student
    from cxredge.report import heatmap as picture
    from cxredge.report.findings import findings

    pixels = preprocess(path, manifest.recipe.input)
    outputs = runner.run(to_student(pixels))
    digest = sha256_file(path)
    result = findings(manifest.recipe, outputs, str(path), digest, manifest.id, artifact)
    if heatmap is not None:
        names = manifest.recipe.labels.names
        index = max(range(len(names)), key=lambda i: result.findings[i].margin) if label is None else names.index(label)
        shown = result.findings[index]
        lines = (
            f"{shown.label}: {'positive' if shown.positive else 'negative'}, {shown.margin:+.2f} from operating point",
            f"where the logit comes from, {manifest.id}, {artifact}; not a diagnosis",
        )
        stream = io.BytesIO()
        picture.figure(pixels, outputs["cam"][0, index], lines).save(stream, "PNG")
        # the digest keeps two films of the same name apart
        write_bytes(heatmap / f"{path.stem}-{digest[:8]}.png" if many else heatmap, stream.getvalue())
    return result


def _expand(films: tuple[Path, ...]) -> list[Path]:
    """Files as named; folders searched for files, hidden ones left out, in sorted order."""
    from cxredge.errors import InputError

    paths: list[Path] = []
    for film in films:
        if film.is_dir():
            found = [p for p in sorted(film.rglob("*")) if p.is_file() and not p.name.startswith(".")]
            if not found:
                raise InputError("PREDICT-EMPTY", f"the folder {film} holds no file", "name a folder with films")
            paths += found
        else:
            paths.append(film)
    return paths
