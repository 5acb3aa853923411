"""``cxredge import``: a network that was trained elsewhere becomes a student here."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cxredge.cli.output import say

if TYPE_CHECKING:
    from cxredge.importing.plan import Found, Source
    from cxredge.statistics.probabilities import Kind
    from cxredge.workflows.import_network import Imported


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
@click.option(
    "--original-transform",
    help="Its own preprocessing, to be held against ours: torchvision/<name>, timm/<name> or FILE:FACTORY.",
)
@click.option("--name", help="Of the recipe (default: of the file).")
@click.option("--dry-run", is_flag=True, help="Say what was found, what fits, and the command to type. Writes nothing.")
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
    original_transform: str | None,
    name: str | None,
    dry_run: bool,
) -> None:
    """Turn CHECKPOINT into a student, and prove on films that it says what the original says.

    CHECKPOINT is a file of weights (.pth, .ckpt, .safetensors), a folder of timm or a MONAI bundle, or a program that
    torch.export wrote (.pt2). Nothing of it is run but with --code. Writes model_zoo/NAME/: student.pt2, model.yaml and
    import.json.
    """
    from cxredge.cli.listing import words
    from cxredge.errors import InputError
    from cxredge.importing.input import parsed
    from cxredge.importing.plan import Wanted
    from cxredge.workflows.import_network import Request, import_network, look

    source = _source(checkpoint, arch, code, entry, keys, output)
    wanted = Wanted(
        size=_sides(size),
        colour=colour,
        normalise=parsed(normalise, inputs),
        fit=fit,
    )
    named = words(labels)
    if dry_run:
        _tell(look(source, wanted, len(named)), named, data)
        return
    for value, option, what in (
        (labels, "--labels", "what its outputs mean"),
        (data, "--data", "films to prove it on"),
    ):
        if value is None:
            raise InputError(
                "IMPORT-LACKS", f"{option} is not said: {what}", f"add {option}; --dry-run tells what the file says"
            )
    assert data is not None
    _say(
        import_network(
            Request(
                source=source,
                wanted=wanted,
                labels=named,
                data=data,
                name=name or _slug(checkpoint),
                label_column=label_column,
                kind=kind,
                novelty=novelty is None,
                transform=_transform(original_transform),
            )
        )
    )


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


def _tell(found: Found, labels: tuple[str, ...], data: str | None) -> None:
    """What a dry run found, and what to type."""
    from cxredge.errors import counted, printable

    read, spec, normalise = found.read, found.input, found.normalise
    say(f"{read.file}: {read.form}{f', entry {read.entry}' if read.entry else ''}, SHA-256 {read.sha256[:12]}...")
    say(f"network: {read.network}, {found.parameters:,} parameters; {read.keys} tensors fit")
    if read.prefix:
        say(f"prefix taken off the keys: {read.prefix}")
    if read.renamed:
        say(f"paired by position: {len(read.renamed)} tensors have other names")
    for line in (*(f"left out: {key}" for key in read.unused[:5]), *read.notes):
        say(line)
    say(
        f"input: {spec.channels} x {spec.height} x {spec.width}, fit {spec.fit}, "
        f"range {normalise.range[0]:g}..{normalise.range[1]:g}"
    )
    if normalise.mean:
        say(f"  mean {', '.join(f'{x:g}' for x in normalise.mean)}; std {', '.join(f'{x:g}' for x in normalise.std)}")
    if normalise.repeat > 1:
        say("  a grey film is given three times")
    logits = f"{counted(found.count, 'logit')} a film"
    if len(found.outputs) == 1:
        say(f"one output{'' if found.output == '0' else f', {printable(found.output)}'}: {logits}")
    else:
        say(f"outputs: {', '.join(map(printable, found.outputs))}; taken: {printable(found.output)}, {logits}")
    if found.probability:
        say(f"  the {found.probability} at its end is taken off")
    say(f"heatmap: {found.heatmap} ({found.why})")
    known = labels or found.labels
    if known and len(known) != found.count:
        say(f"labels: {len(known)} named, and a film has {counted(found.count, 'logit')}: this does not fit")
    say(
        "next: the same command without --dry-run"
        + "".join(
            f", with {option}"
            for option, there in (("--labels", bool(labels)), ("--data", data is not None))
            if not there
        )
    )


def _say(done: Imported) -> None:
    """What was written, how far it is proven, and what comes next."""
    from cxredge.errors import printable

    found, proof = done.record.found, done.record.proof
    read = found.read
    say(f"{read.network}: {read.keys} tensors of {printable(read.file)}, {found.parameters:,} parameters")
    say(f"heatmap: {found.heatmap} ({found.why})")
    novelty = done.recipe.novelty
    say("novelty: none" if novelty is None else f"novelty: above {novelty.threshold:g} ({novelty.rule})")
    say(f"original against student on {proof.films} films of {printable(done.record.data)}:")
    say(f"  largest difference of {proof.of} {proof.max_abs:.3g}, {proof.flips} of {proof.decisions} decisions differ")
    if proof.transform is not None:
        say(f"  behind its own preprocessing: {proof.whole_max_abs:.3g}, {proof.whole_flips} decisions;")
        say(f"  of it by preprocessing alone: {proof.preprocessing_max_abs:.3g}, {proof.preprocessing_flips}")
    else:
        say("  its own preprocessing was not run: --original-transform tells what that makes of it")
    say(f"test films, the student: {done.record.chance.words}")
    if done.record.chance.standing != "better":
        say("  a build keeps no gates so; evaluation: {chance: allowed} in the recipe lets it")
    say(f"wrote {printable(str(done.folder))}/: student.pt2, model.yaml, import.json")
    say("next:")
    say(f"  cxredge plan {printable(str(done.folder))}")
    say(f"  cxredge build {printable(str(done.folder))}")
