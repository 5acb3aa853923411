"""``cxredge import``: a network that was trained elsewhere becomes a student here."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cxredge.cli.output import as_json, say_json

if TYPE_CHECKING:
    from cxredge.importing.plan import Source
    from cxredge.recipe_student import Normalise
    from cxredge.statistics.probabilities import Kind


@click.command("import")
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option("--arch", help="The network that the weights are of: timm/<name>, torchvision/<name> or cxredge/<name>.")
@click.option("--code", help="FILE:FACTORY, a Python function that makes it. It is run, once, in a process of its own.")
@click.option("--labels", help="What its outputs mean, in their order, comma-separated.")
@click.option("--data", help="Set of films under CXR_DATA to prove it on, or phantom.")
@click.option("--label-column", help="Of exclusive classes: the table's column with the class's name.")
@click.option("--kind", type=click.Choice(["multi-label", "single-label"]), help="Where the table does not tell.")
@click.option("--normalise", help="What it makes of grey levels: imagenet, inception, unit, levels or xrv.")
@click.option("--input", "inputs", multiple=True, help="Or by numbers: range=LOW..HIGH, mean=A,B,C, std=A,B,C.")
@click.option("--size", help="Rows and columns of its image: 224, or 224x192.")
@click.option("--fit", type=click.Choice(["squash", "pad", "crop"]), help="How a film gets that shape (squash).")
@click.option(
    "--colour", is_flag=True, help="Films are in colour; else grey ones are given three times where it needs."
)
@click.option("--entry", help="Which state dict, where the checkpoint holds several (an EMA, for example).")
@click.option("--keys", type=click.Choice(["by-position"]), help="Pair tensors in order, where their names differ.")
@click.option("--output", help="Which of several outputs are the logits: a key, or a place.")
@click.option("--novelty", type=click.Choice(["none"]), help="none: fit no novelty score.")
@click.option("--quality", type=click.Choice(["none"]), help="none: fit no output for films held or exported wrongly.")
@click.option(
    "--original-transform",
    help="Its own preprocessing, to be held against ours: torchvision/<name>, timm/<name> or FILE:FACTORY.",
)
@click.option("--name", help="Of the recipe (default: of the file).")
@click.option("--dry-run", is_flag=True, help="Say what was found, what fits, and the command to type. Writes nothing.")
@as_json
def import_(
    checkpoint: Path,
    arch: str | None,
    code: str | None,
    labels: str | None,
    data: str | None,
    label_column: str | None,
    kind: Kind | None,
    normalise: str | None,
    inputs: tuple[str, ...],
    size: str | None,
    fit: str | None,
    colour: bool,
    entry: str | None,
    keys: str | None,
    output: str | None,
    novelty: str | None,
    quality: str | None,
    original_transform: str | None,
    name: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Turn CHECKPOINT into a student, and prove on films that it says what the original says.

    CHECKPOINT is a file of weights (.pth, .ckpt, .safetensors), a folder of timm or a MONAI bundle, or a program that
    torch.export wrote (.pt2). Nothing of it is run but with --code. Writes model_zoo/NAME/: student.pt2, model.yaml and
    import.json.
    """
    from cxredge.cli import import_said
    from cxredge.cli.listing import words
    from cxredge.importing.plan import Wanted
    from cxredge.workflows.import_network import Request, import_network, try_import

    request = Request(
        source=_source(checkpoint, arch, code, entry, keys, output),
        wanted=Wanted(size=_sides(size), colour=colour, normalise=_normalise(normalise, inputs), fit=fit),
        labels=words(labels),
        data=data,
        name=name or _slug(checkpoint),
        label_column=label_column,
        kind=kind,
        novelty=novelty is None,
        quality=quality is None,
        transform=_transform(original_transform),
    )
    if dry_run:
        tried = try_import(request)
        say_json(tried) if as_json else import_said.tell(tried, request)
    else:
        imported = import_network(request)
        say_json(import_said.record(imported)) if as_json else import_said.done(imported)


def _normalise(preset: str | None, said: tuple[str, ...]) -> Normalise | None:
    """Raises InputError IMPORT-INPUT: it is none, or the same is said twice."""
    from cxredge.errors import InputError
    from cxredge.importing.input import PRESETS, parsed

    keys = [text.partition("=")[0] for text in said]
    found = parsed(preset, said)
    if preset is not None:
        keys += ["range", *(("mean", "std") if PRESETS[preset].mean else ())]
    twice = [key for at, key in enumerate(keys) if key in keys[:at]]
    if twice:
        raise InputError(
            "IMPORT-INPUT",
            f"{twice[0]} is said twice: by {f'--normalise {preset} and ' if preset else ''}--input",
            "say it once: --normalise, or all of it by --input",
        )
    return found


def _source(
    checkpoint: Path, arch: str | None, code: str | None, entry: str | None, keys: str | None, output: str | None
) -> Source:
    """Raises InputError IMPORT-CODE: --code is no FILE:FACTORY, or stands beside --arch."""
    from cxredge.errors import InputError
    from cxredge.importing.plan import Source

    file, _, factory = (code or "").rpartition(":")
    if code is not None and (not file or not factory.isidentifier()):
        raise InputError("IMPORT-CODE", f"--code {code} is no FILE:FACTORY", "write it as my_net.py:make_model")
    if code is not None and arch is not None:
        raise InputError("IMPORT-CODE", "--arch and --code both say which network it is", "leave one of them out")
    return Source(
        file=str(checkpoint.absolute()),
        arch=arch,
        code=str(Path(file).absolute()) if code is not None else None,
        factory=factory or None,
        entry=entry,
        by_position=keys is not None,
        output=output,
    )


def _transform(said: str | None) -> str | None:
    """With an absolute path where it is code."""
    file, sign, factory = (said or "").rpartition(":")
    return f"{Path(file).absolute()}:{factory}" if sign else said


def _sides(size: str | None) -> tuple[int, int] | None:
    """Raises InputError IMPORT-INPUT."""
    from cxredge.errors import InputError

    if size is None:
        return None
    found = re.fullmatch(r"(\d{1,4})(?:x(\d{1,4}))?", size)
    sides = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
    if not all(16 <= side <= 1024 for side in sides):
        raise InputError(
            "IMPORT-INPUT", f"--size {size} is no size", "write 224, or 224x192 (rows x columns), 16 to 1024"
        )
    return sides


def _slug(checkpoint: Path) -> str:
    """A recipe's name from the file's."""
    stem = checkpoint.name.partition(".")[0] if checkpoint.suffix else checkpoint.name
    return re.sub(r"[^a-z0-9]+", "-", stem.lower()).strip("-")[:40] or "imported"
