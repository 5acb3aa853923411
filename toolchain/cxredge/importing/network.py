"""The original: read, built, and exported, in whatever form it was handed in. Foreign code runs here, in a worker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from cxredge.errors import CxrError, InputError, nearest, printable
from cxredge.files import sha256_file
from cxredge.importing.checkpoints import Checkpoint, entry, read_checkpoint
from cxredge.importing.choosing import Chosen, chosen_output, named_outputs, run
from cxredge.importing.evaluation import check_evaluation
from cxredge.importing.exporting import BATCH, export
from cxredge.importing.facts import Facts
from cxredge.importing.mapping import fit
from cxredge.importing.originals import build_network
from cxredge.importing.plan import Read, Source
from cxredge.importing.tensors import check_finite
from cxredge.importing.user_code import from_code
from cxredge.path_errors import shown
from cxredge.students.architectures import ARCHITECTURES, get_architecture
from cxredge.students.program_file import read_program
from cxredge.students.program_student import Unflattened

OWN = "cxredge/"


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
    net, taken = _filled(source, checkpoint, name, tensors, labels, sides)
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
        net.load_state_dict({**state, **{mine: tensors[theirs] for mine, theirs in found.keys.items()}})
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
    try:
        return build_network(arch, labels, channels, sides)
    except InputError as error:
        error.choices = error.choices or tuple(nearest(arch, ARCHITECTURES))
        raise


def _exported(
    net: nn.Module, read: Read, checkpoint: Checkpoint, sides: tuple[int, int], output: str | None
) -> Original:
    channels = _channels(net, checkpoint)
    chosen = Chosen(net, output).eval()
    image = torch.zeros(BATCH, channels, *sides)
    run(chosen, image)
    with torch.no_grad():
        answer = net(image)
    names = tuple(named_outputs(answer))
    place = names.index(chosen_output(names, output))
    name = names[place]
    # what answers more than tensors is exported by the one that is taken
    plain = isinstance(answer, Tensor) or (type(answer) in (dict, tuple, list) and len(answer) == len(names))
    data = export(net if plain else chosen, image)
    return Original(chosen, channels, sides, data, place if plain else 0, names, name, read, checkpoint.facts)


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
    (name,) = program.exported.graph_signature.user_inputs
    image = next(node for node in program.exported.graph.nodes if node.name == name).meta["val"]
    if image.ndim != 4 or image.dtype != torch.float32:
        raise InputError(
            "IMPORT-INPUT",
            f"the program takes {str(image.dtype).removeprefix('torch.')} of {image.ndim} dimensions",
            "export a network that takes float32[N, channels, height, width]",
        )
    if size is not None and size != (int(image.shape[2]), int(image.shape[3])):
        raise InputError(
            "IMPORT-INPUT",
            f"the program was exported for {image.shape[2]} x {image.shape[3]}, and --size says {size[0]} x {size[1]}",
            "leave --size out, or export the network for that size",
        )
    net = Unflattened(program.exported)
    sides, channels = (int(image.shape[2]), int(image.shape[3])), int(image.shape[1])
    # written anew for any number of images: what was exported for one, or eight, may well work for others
    outputs = _Tuple(net).eval()
    data = export(outputs, torch.zeros(BATCH, channels, *sides))
    read = Read(
        form=checkpoint.form,
        file=checkpoint.file.name,
        sha256=checkpoint.sha256,
        entry="",
        prefix="",
        keys=len(net.state_dict()),
        network="program",
        notes=_notes(checkpoint),
    )
    return Original(Chosen(outputs, str(place)).eval(), channels, sides, data, place, program.outputs, output, read)


class _Tuple(nn.Module):
    """A program's outputs, always as a tuple."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """float32[N, c, H, W] -> its outputs."""
        found = self.net(x)
        return (found,) if isinstance(found, Tensor) else tuple(found)
