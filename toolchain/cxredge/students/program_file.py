"""A program of ``torch.export`` in a file (``.pt2``), read so that nothing in it can do more than compute.

The archive's parts are parsed here, held against ``program_check``, and written anew in one spelling; torch loads that
and nothing of the file. What is written here has one spelling too: equal programs give equal bytes, without this
machine's paths.
"""

from __future__ import annotations

import io
import json
import warnings
import zipfile
from dataclasses import dataclass
from typing import Any

import torch
from torch.export import ExportedProgram

from cxredge import strict_json
from cxredge.errors import InputError, first_line, printable
from cxredge.students import program_check
from cxredge.students.program_changes import changed
from cxredge.students.program_check import Unfit

ROOT = "student"
"""Folder in the archives that are written here."""
WEIGHTS, CONSTANTS = "data/weights/", "data/constants/"
CONFIGS = {WEIGHTS: "model_weights_config.json", CONSTANTS: "model_constants_config.json"}
BEGINNINGS = {WEIGHTS: "weight_", CONSTANTS: "tensor_"}
MODEL = "models/model.json"
MAX_ENTRIES = 20_000
MAX_JSON = 64 << 20
MAX_BYTES = 1 << 30
"""Of all that an archive holds."""
STORED = (1980, 1, 1, 0, 0, 0)
ALIGNED = 64
"""Bytes at whose multiples torch's reader wants a tensor to begin."""


@dataclass(frozen=True)
class Program:
    """A program of one tensor; ``outputs``: what its outputs are called, ``0``, ``1``, … where they have no names."""

    exported: ExportedProgram
    outputs: tuple[str, ...]


def read_program(data: bytes, what: str) -> Program:
    """The program in a ``.pt2`` file. what: names the file in errors.

    Raises InputError PROGRAM-DAMAGED, PROGRAM-VERSION (another version of torch wrote it), PROGRAM-OPERATOR, or
    PROGRAM-UNFIT (it holds more than a network on one image, or names that are none).
    """
    try:
        parts = _parts(data)
        names, clean = _clean(parts)
        return Program(_loaded(clean), names)
    except Unfit as error:
        code = "PROGRAM-UNFIT" if error.operator is None else "PROGRAM-OPERATOR"
        raise InputError(code, f"{what}: {error}", "export a network that takes one image and computes") from error
    except _OtherVersion as error:
        raise InputError(
            "PROGRAM-VERSION", f"{what} was {error}", f"export it again with torch {torch.__version__.split('+')[0]}"
        ) from error
    except Exception as error:  # whatever torch and zipfile raise for bytes that are no program
        raise InputError(
            "PROGRAM-DAMAGED",
            f"{what} is no whole program of torch.export: {first_line(error)}",
            "save it again with torch.export",
        ) from error


def _loaded(clean: bytes) -> ExportedProgram:
    """torch warns of its own code when it reads a file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.export.load(io.BytesIO(clean))


def program_bytes(exported: ExportedProgram, rename: dict[str, str] | None = None) -> bytes:
    """``exported`` as a file, its outputs as a tuple.

    rename: folders of this machine in source lines, and what stands for them.
    Raises what ``read_program`` raises, of a program that it would not read.
    """
    buffer = io.BytesIO()
    torch.export.save(exported, buffer)
    try:
        _, clean = _clean(_parts(buffer.getvalue()), rename or {})
    except Unfit as error:
        code = "PROGRAM-UNFIT" if error.operator is None else "PROGRAM-OPERATOR"
        raise InputError(code, str(error), "write the network without it") from error
    return clean


class _OtherVersion(ValueError):
    """Who wrote it, in words."""


def _parts(data: bytes) -> dict[str, bytes]:
    """Every file of the archive by its name behind the root folder. Raises Unfit, ValueError, or what zipfile does."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = archive.infolist()
        if len(entries) > MAX_ENTRIES or sum(entry.file_size for entry in entries) > MAX_BYTES:
            raise Unfit(f"it holds more than {MAX_ENTRIES:,} files or {MAX_BYTES:,} bytes")
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
            raise Unfit("it is compressed, and torch.export stores")
        # torch 2.7 and older wrote no folder
        found = {entry.filename.partition("/")[2] or entry.filename: archive.read(entry) for entry in entries}
    if len(found) != len(entries):
        raise Unfit("a file in it has two names, or there are two programs")
    return found


def _json(parts: dict[str, bytes], name: str) -> Any:
    if name not in parts:
        raise ValueError(f"{name} is not in it")
    return strict_json.parse(parts[name], MAX_JSON)


def _clean(parts: dict[str, bytes], rename: dict[str, str] | None = None) -> tuple[tuple[str, ...], bytes]:
    """Names of the outputs, and the archive with what counts."""
    from torch._export.serde import schema
    from torch._export.serde.serialize import _dataclass_to_dict, _dict_to_dataclass

    if "archive_format" not in parts and "version" in parts:
        raise _OtherVersion("written by torch 2.7 or older")
    tree = _json(parts, MODEL)
    _check_version(tree, schema)
    # before each becomes a record, which takes a thousand times as long as to count
    count = len(tree["graph_module"]["graph"]["nodes"])
    if count > program_check.MAX_NODES:
        raise Unfit(f"it has {count:,} operators; {program_check.MAX_NODES:,} are read")
    description = _dict_to_dataclass(schema.ExportedProgram, tree)
    names = _call(description, schema)
    program_check.checked(description)
    owner = changed(description.graph_module)
    if owner is not None:
        raise Unfit(
            f"it changes {owner} when it runs, and what it says of a film would depend on the films before; where that "
            "is of a batch norm, call network.eval() before torch.export"
        )
    for node in description.graph_module.graph.nodes:
        for folder, short in (rename or {}).items():
            if "stack_trace" in node.metadata:
                node.metadata["stack_trace"] = node.metadata["stack_trace"].replace(folder, short)
    written: dict[str, bytes] = {}
    for folder in CONFIGS:
        written |= _tensors(parts, folder, schema)
    written |= {
        MODEL: _dumped(_dataclass_to_dict(description)),
        "data/sample_inputs/model.pt": b"",
        "archive_format": b"pt2",
        "archive_version": parts.get("archive_version", b"0"),
        "byteorder": b"little",
        ".data/version": b"3\n",
    }
    if parts.get("byteorder", b"little") != b"little":
        raise _OtherVersion("written on a machine with another order of bytes")
    return names, _archive(written)


def _tensors(parts: dict[str, bytes], folder: str, schema: Any) -> dict[str, bytes]:
    """Weights or constants with their list, numbered in the order of their names. Raises ``Unfit``, or ValueError."""
    from torch._export.serde.serialize import _dataclass_to_dict, _dict_to_dataclass

    name, beginning = CONFIGS[folder], BEGINNINGS[folder]
    config = _dict_to_dataclass(schema.PayloadConfig, _json(parts, folder + name))
    written: dict[str, bytes] = {}
    numbers: dict[str, str] = {}
    for key, record in sorted(config.config.items()):
        if not program_check.STORED.fullmatch(key):
            raise Unfit(f"a tensor's name is none: {key[:80]!a}")
        if record.use_pickle or record.tensor_meta is None or not record.path_name.startswith(beginning):
            raise Unfit(f"{key} is no plain tensor")
        program_check.check_tensor(record.tensor_meta)
        if folder + record.path_name not in parts:
            raise ValueError(f"{folder}{printable(record.path_name[:80])} is not in it")
        held = parts[folder + record.path_name]
        if not held and all(size.as_int for size in record.tensor_meta.sizes):
            raise Unfit(f"{key} has no bytes")
        # two names may share one tensor
        record.path_name = numbers.setdefault(record.path_name, f"{beginning}{len(numbers)}")
        written[folder + record.path_name] = held
    return {**written, folder + name: _dumped(_dataclass_to_dict(config))}


def _check_version(tree: Any, schema: Any) -> None:
    """Raises ``_OtherVersion`` for a schema or set of operators that this torch does not have."""
    from torch._export.verifier import load_verifier  # noqa: F401 - torch's loader wants it imported first

    said, ours = tree["schema_version"], schema.SCHEMA_VERSION
    written = str(tree.get("torch_version", "an old torch"))[:40]
    if not isinstance(said, dict) or said.get("major") != ours[0]:
        raise _OtherVersion(
            f"written by torch {written}, in version {said.get('major')} of the format; {ours[0]} is read"
        )
    opset = torch._C._get_max_operator_version()
    if tree["opset_version"] != {"aten": opset}:
        raise _OtherVersion(f"written by torch {written}, with another set of operators than {opset}")


def _call(description: Any, schema: Any) -> tuple[str, ...]:
    """Names of the outputs; the call's form becomes one tensor in and a tuple of tensors out."""
    import torch.utils._pytree as pytree

    module = description.graph_module
    entries = module.module_call_graph
    whole = next(entry for entry in entries if entry.fqn == "")
    taken = [spec for spec in module.signature.input_specs if spec.type == "user_input"]
    given = [spec for spec in module.signature.output_specs if spec.type == "user_output"]
    if len(taken) != 1 or taken[0].value.arg.type != "as_tensor":
        raise Unfit(f"it takes {len(taken)} inputs, and a student takes one image")
    if not given or any(spec.value.arg.type != "as_tensor" for spec in given):
        raise Unfit("it gives something else than tensors")
    names = _output_names(whole.signature.out_spec, len(given))
    tuple_of = pytree.tree_flatten(tuple(range(len(given))))[1]
    for entry in entries:
        if not program_check.MODULE.fullmatch(entry.fqn):
            raise Unfit("a module's name is none")
    whole.signature = None
    module.module_call_graph = []
    kept = [schema.ModuleCallEntry(fqn=e.fqn, signature=None) for e in entries if e.fqn]
    signature = schema.ModuleCallSignature(
        inputs=[],
        outputs=[],
        in_spec=pytree.treespec_dumps(pytree.tree_flatten(((0,), {}))[1]),
        out_spec=pytree.treespec_dumps(tuple_of),
        forward_arg_names=["x"],
    )
    module.module_call_graph = [schema.ModuleCallEntry(fqn="", signature=signature), *kept]
    return names


def _output_names(spec: str, count: int) -> tuple[str, ...]:
    """The keys where the outputs are a dictionary of tensors, else their places."""
    tree = strict_json.parse(spec.encode(), MAX_JSON)
    form = tree[1] if isinstance(tree, list) and len(tree) == 2 else {}
    context = form.get("context")
    if str(form.get("type")).endswith(("dict", "OrderedDict")) and isinstance(context, str):
        keys = json.loads(context)
        if isinstance(keys, list) and len(keys) == count:
            return tuple(str(key)[:80] for key in keys)
    return tuple(map(str, range(count)))


def _dumped(tree: Any) -> bytes:
    return json.dumps(tree, sort_keys=True, separators=(",", ":")).encode()


def _archive(files: dict[str, bytes]) -> bytes:
    """A zip of stored files, sorted, each aligned as torch's own writer does it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, data in sorted(files.items()):
            entry = zipfile.ZipInfo(f"{ROOT}/{name}", STORED)
            entry.create_system = 3
            start = buffer.tell() + 30 + len(entry.filename) + 4
            entry.extra = b"FB" + (pad := -start % ALIGNED).to_bytes(2, "little") + b"Z" * pad
            archive.writestr(entry, data)
    return buffer.getvalue()
