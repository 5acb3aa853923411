"""The original: read, built, and exported, in whatever form it was handed in. Foreign code runs here, in a worker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from cxredge.aten import image_of
from cxredge.errors import CxrError, InputError, counted, printable
from cxredge.files import sha256_file
from cxredge.importing.checkpoints import Checkpoint, entry, read_checkpoint
from cxredge.importing.choosing import Chosen, chosen_output, named_outputs, run
from cxredge.importing.evaluation import check_evaluation
from cxredge.importing.exporting import BATCH, export
from cxredge.importing.facts import Facts
from cxredge.importing.mapping import described, fit
from cxredge.importing.originals import OWN, build_network
from cxredge.importing.plan import Read, Source
from cxredge.importing.tensors import check_finite
from cxredge.importing.user_code import from_code
from cxredge.path_errors import shown
from cxredge.students.architectures import get_architecture
from cxredge.students.program_file import read_program
from cxredge.students.program_student import Unflattened


@dataclass(frozen=True)
class Original:
    """A network as its owner ran it. net: normalised float32[N, c, H, W] -> logits float32[N, C]; channels: c.

    program: the same, exported; place: the output's in it.
    """

    net: nn.Module
    channels: int
    size: tuple[int, int]
    program: bytes
    place: int
    outputs: tuple[str, ...]
    output: str
    read: Read
    facts: Facts = field(default_factory=Facts)


def load_original(source: Source, labels: int, size: tuple[int, int] | None) -> Original:
    """Read, build and export. size: None where the file is to say it.

    Raises InputError IMPORT-*, PROGRAM-*, and what reading a checkpoint raises.
    """
    checkpoint = read_checkpoint(Path(source.file))
    sides = size or checkpoint.facts.input_size or (224, 224)
    if checkpoint.form == "program (.pt2)":
        return _from_program(source, checkpoint, size)
    if source.arch is None and source.code is None:
        source = source.model_copy(update={"arch": _said_arch(checkpoint)})
    name, tensors = entry(checkpoint, source.entry)
    # a dry run may name no labels: the file tells how many outputs there are
    outputs = labels or checkpoint.facts.outputs or described(tensors).outputs or 0
    net, taken = _filled(source, checkpoint, name, tensors, outputs, sides)
    return _exported(net.float().eval(), taken, checkpoint, sides, source.output)


def _said_arch(checkpoint: Checkpoint) -> str:
    """The network that a folder of timm names. Raises InputError IMPORT-ARCH where nothing says it plainly."""
    said = checkpoint.facts.architecture
    if said is not None and checkpoint.form == "timm folder":
        return said
    raise InputError(
        "IMPORT-ARCH",
        f"{shown(checkpoint.file)} is a {checkpoint.form}: tensors without the network that they are of"
        + (f" (it calls it {printable(said)})" if said else ""),
        "say which network it is: --arch timm/<name> or torchvision/<name>, or --code FILE:FACTORY",
    )


def _filled(
    source: Source,
    checkpoint: Checkpoint,
    name: str,
    tensors: Mapping[str, Tensor],
    labels: int,
    sides: tuple[int, int],
) -> tuple[nn.Module, Read]:
    """The network with the checkpoint's tensors; of the numbers of channels in question the one that fits."""
    said = checkpoint.facts.channels
    refused: CxrError | None = None
    for number in (said,) if said else (3, 1):
        net = _network(source, labels, number, sides)
        try:
            found = fit(net.state_dict(), tensors, by_position=source.by_position)
        except InputError as error:
            refused = refused or error
            if error.code == "IMPORT-CHANNELS" and said is None:
                continue
            raise
        check_finite({theirs: tensors[theirs] for theirs in found.keys.values()}, shown(checkpoint.file))
        state = net.state_dict()
        # its own dictionary: modules read the version of their tensors beside the keys
        state.update({mine: tensors[theirs] for mine, theirs in found.keys.items()})
        net.load_state_dict(state)
        renamed = {theirs: mine for mine, theirs in found.keys.items() if theirs.removeprefix(found.prefix) != mine}
        read = Read(
            form=checkpoint.form,
            file=checkpoint.file.name,
            sha256=checkpoint.sha256,
            entry=name,
            prefix=found.prefix,
            keys=len(found.keys),
            renamed=renamed,
            unused=found.unused,
            network=source.arch or f"{source.factory} of {Path(str(source.code)).name}",
            code_sha256=sha256_file(Path(source.code)) if source.code else None,
            notes=_notes(checkpoint),
        )
        return net, read
    assert refused is not None
    raise refused


def _notes(checkpoint: Checkpoint) -> tuple[str, ...]:
    """Without this machine's folders: they are written into a file."""
    return tuple(note.replace(shown(checkpoint.file), checkpoint.file.name) for note in checkpoint.notes)


def _network(source: Source, labels: int, channels: int, sides: tuple[int, int]) -> nn.Module:
    if source.code is not None:
        net = from_code(Path(source.code), str(source.factory), labels, channels)
        return net.module if isinstance(net, nn.DataParallel) else net
    arch = str(source.arch)
    if arch.startswith(OWN):
        return get_architecture(arch).make(channels, labels, sides).eval()
    return build_network(arch, labels, channels, sides)


def _exported(
    net: nn.Module, read: Read, checkpoint: Checkpoint, sides: tuple[int, int], output: str | None
) -> Original:
    channels = _channels(net, checkpoint)
    chosen = Chosen(net, output).eval()
    image = torch.zeros(BATCH, channels, *sides)
    run(chosen, image)
    with torch.no_grad():
        answer = net(image)
    named = named_outputs(answer)
    names = tuple(named)
    name = chosen_output(names, output)
    # what answers more than tensors, or no column, is exported by the output that is taken
    plain = isinstance(answer, Tensor) or (type(answer) in (dict, tuple, list) and len(answer) == len(names))
    plain = plain and named[name].ndim == 2
    data, place = export(net if plain else chosen, image), names.index(name) if plain else 0
    return Original(chosen, channels, sides, data, place, names, name, read, checkpoint.facts)


def _channels(net: nn.Module, checkpoint: Checkpoint) -> int:
    """As many as the first convolution takes."""
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            return module.in_channels
    return checkpoint.facts.channels or 3


def _from_program(source: Source, checkpoint: Checkpoint, size: tuple[int, int] | None) -> Original:
    if source.arch is not None or source.code is not None:
        raise InputError(
            "IMPORT-ARCH", f"{shown(checkpoint.file)} is a program, which is a network by itself", "leave --arch out"
        )
    program = read_program(checkpoint.program, shown(checkpoint.file))
    check_evaluation(
        program.exported, shown(checkpoint.file), "call network.eval() before torch.export, and export again"
    )
    output = chosen_output(program.outputs, source.output)
    place = program.outputs.index(output)
    image = image_of(program.exported)
    if image.ndim != 4 or image.dtype != torch.float32:
        raise InputError(
            "IMPORT-INPUT",
            f"the program takes {str(image.dtype).removeprefix('torch.')} of {image.ndim} dimensions",
            "export a network that takes float32[N, channels, height, width]",
        )
    sides, open_sides = _sides(image, size)
    net, channels = Unflattened(program.exported), int(image.shape[1])
    # written anew for any number of images: what was exported for one, or eight, may well work for others
    outputs = _Tuple(net).eval()
    chosen, black = Chosen(outputs, str(place)).eval(), torch.zeros(BATCH, channels, *sides)
    try:
        run(chosen, black)
        with torch.no_grad():
            plain = outputs(black)[place].ndim == 2
        data = export(outputs if plain else chosen, black)
    except InputError as error:
        if error.code not in ("IMPORT-RUN", "IMPORT-BATCH") or not isinstance(image.shape[0], int):
            raise
        raise InputError(
            "IMPORT-BATCH",
            f"{shown(checkpoint.file)} was exported for {counted(image.shape[0], 'image')} at a time, "
            "and works for no other number",
            "export it for any number: dynamic_shapes=({0: torch.export.Dim.AUTO},)",
        ) from error
    read = Read(
        form=checkpoint.form,
        file=checkpoint.file.name,
        sha256=checkpoint.sha256,
        entry="",
        prefix="",
        keys=len(net.state_dict()),
        network="program",
        notes=(*_notes(checkpoint), *open_sides),
    )
    return Original(chosen, channels, sides, data, place if plain else 0, program.outputs, output, read)


def _sides(image: Tensor, size: tuple[int, int] | None) -> tuple[tuple[int, int], tuple[str, ...]]:
    """Rows and columns that a program is taken for, and a note where it leaves them open.

    image: its input as it was exported. Raises InputError IMPORT-INPUT: it is fixed to others than ``size``.
    """
    fixed = [str(side).isdecimal() for side in image.shape[2:]]
    said = _example(image.shape[2]), _example(image.shape[3])
    sides = size or said
    if not all(sides):
        raise InputError(
            "IMPORT-INPUT", "the program's height and width are open, and nothing says with which", "say --size"
        )
    if any(known and ours != theirs for known, ours, theirs in zip(fixed, sides, said, strict=True)):
        raise InputError(
            "IMPORT-INPUT",
            f"the program was exported for {said[0]} x {said[1]}, and --size says {sides[0]} x {sides[1]}",
            "leave --size out, or export the network for that size",
        )
    if all(fixed):
        return sides, ()
    whence = "as --size says" if size else "which it was exported with"
    return sides, (f"its height and width are open: it is taken for {sides[0]} x {sides[1]}, {whence}",)


def _example(side: Any) -> int:
    """The number that a size is; of an open one that which it was exported with, and 0 where the file does not say."""
    # int() would ask torch to prove it, which it cannot for multiples
    return int(str(side)) if str(side).isdecimal() else int(side.node.hint or 0)


class _Tuple(nn.Module):
    """A program's outputs, always as a tuple."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """float32[N, c, H, W] -> its outputs."""
        found = self.net(x)
        return (found,) if isinstance(found, Tensor) else tuple(found)
