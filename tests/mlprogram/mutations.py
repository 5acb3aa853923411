"""Damage done to a saved package: in its bytes, its weights' records, its fields, its manifest or its zip file."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from cxredge.mlprogram.library import operators
from cxredge.mlprogram.schema import DATA_TYPES, parse_model
from cxredge.mlprogram.weights import SENTINEL

Files = dict[str, bytes]
"""A package by path inside it."""
MANIFEST = "Manifest.json"
INTEGERS = (0, 1, 2, 3, 5, 16, 17, 255, 1 << 16, 1 << 26, (1 << 31) - 1, 1 << 40, (1 << 63) - 1, -1, -2, -(1 << 31))
FLOATS = (0.0, -0.0, 1.0, -1.0, 1e-30, 1e30, float("inf"), float("nan"))
PATHS = (
    "../x",
    "/etc/passwd",
    "..\\x",
    "a\0b",
    "",
    ".",
    "\ud800",
    "com.apple.CoreML",
    "com.apple.CoreML/weights/weight.bin",
)


def read(folder: Path) -> Files:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def write(files: Files, folder: Path) -> None:
    for name, data in files.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)


def zipped(files: Files, root: str = "", method: int = zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(root + name, data)
    return stream.getvalue()


def flipped(data: bytes, rng: np.random.Generator) -> bytes:
    """One to eight bytes changed, the file cut, or something put into it."""
    changed = bytearray(data)
    kind = rng.integers(6)
    if kind == 0:
        return bytes(changed[: rng.integers(len(changed))])
    if kind == 1:
        place = rng.integers(len(changed))
        return bytes(changed[:place] + rng.bytes(int(rng.integers(1, 64))) + changed[place:])
    for _ in range(rng.integers(1, 9)):
        changed[rng.integers(len(changed))] = rng.integers(256)
    return bytes(changed)


def bytes_of_a_file(files: Files, rng: np.random.Generator) -> None:
    name = str(rng.choice(sorted(files)))
    files[name] = flipped(files[name], rng)


def record(files: Files, rng: np.random.Generator) -> None:
    """A number in the record of a blob, or in the weights file's header."""
    name = next(n for n in sorted(files) if n.endswith("weight.bin"))
    data = bytearray(files[name])
    places = [p for p in range(64, len(data) - 31, 64) if data[p : p + 4] == SENTINEL.to_bytes(4, "little")]
    place = int(rng.choice([0, *places]))
    offset, form = ((4, "<I"), (8, "<Q"), (16, "<Q"), (24, "<Q"))[rng.integers(4)]
    (old,) = struct.unpack_from(form, data, place + offset)
    new = int(rng.choice([old + 1, old - 1, old + 64, old * 2, len(data), *map(abs, INTEGERS), (1 << 64) - 64]))
    struct.pack_into(form, data, place + offset, new % (1 << (32 if form == "<I" else 64)))
    files[name] = bytes(data)


def manifest(files: Files, rng: np.random.Generator) -> None:
    parsed = json.loads(files[MANIFEST])
    entry = parsed["itemInfoEntries"][parsed["rootModelIdentifier"]]
    kind = rng.integers(5)
    if kind == 0:
        entry["path"] = str(rng.choice(PATHS)) if rng.integers(2) else PATHS[rng.integers(len(PATHS))]
    elif kind == 1:
        entry["path"] = [None, 3, [], {}, True][rng.integers(5)]
    elif kind == 2:
        parsed["rootModelIdentifier"] = [None, 3, [], {}, "x"][rng.integers(5)]
    elif kind == 3:
        parsed["itemInfoEntries"] = [None, 3, [], {}, "x"][rng.integers(5)]
    files[MANIFEST] = json.dumps(parsed).encode() if kind < 4 else b"[" * 100_000


def fields(files: Files, rng: np.random.Generator) -> None:
    """One to four fields of the model's message."""
    name = next(n for n in sorted(files) if n.endswith(".mlmodel"))
    model = parse_model(files[name])
    for _ in range(rng.integers(1, 5)):
        messages = list(_messages(model))
        texts = sorted({t for m in messages for t in _texts(m)})
        _change(messages[rng.integers(len(messages))], texts, rng)
    files[name] = model.SerializeToString()


def meaning(files: Files, rng: np.random.Generator) -> None:
    """One to three operators: their kind, an argument, or a constant, which stays well formed."""
    name = next(n for n in sorted(files) if n.endswith(".mlmodel"))
    model = parse_model(files[name])
    function = model.mlProgram.functions["main"]
    operations = function.block_specializations[function.opset].operations
    texts = ["same", "same_lower", "custom", "valid", "fp16", "fp32", "int8", "uint8", "int32", "bool", "EXACT"]
    for _ in range(rng.integers(1, 4)):
        constants = [o for o in operations if o.type == "const" and o.attributes["val"].HasField("immediateValue")]
        others = [o for o in operations if o.type != "const" and len(o.inputs)]
        if rng.integers(3) and constants:
            _change_constant(constants[rng.integers(len(constants))], texts, rng)
            continue
        operation = others[rng.integers(len(others))]
        key = sorted(operation.inputs)[rng.integers(len(operation.inputs))]
        kind = rng.integers(4)
        if kind == 0:
            kinds = sorted(operators())
            operation.type = kinds[rng.integers(len(kinds))]
        elif kind == 1:
            del operation.inputs[key]
        else:
            other = operations[rng.integers(len(operations))]
            for binding in operation.inputs[key].arguments:
                binding.name = other.outputs[0].name
    files[name] = model.SerializeToString()


def _change_constant(operation: Any, texts: list[str], rng: np.random.Generator) -> None:
    value = operation.attributes["val"]
    tensor = value.immediateValue.tensor
    field = tensor.DESCRIPTOR.fields_by_name[tensor.WhichOneof("value")]
    holder = getattr(tensor, field.name)
    (element,) = field.message_type.fields
    if element.type == element.TYPE_BYTES:
        holder.values = bytes(rng.permutation(np.frombuffer(holder.values, np.uint8)))
        return
    if len(value.type.tensorType.dimensions) == 1 and rng.integers(3) == 0 and len(holder.values):
        # one more
        holder.values.append(holder.values[0])
        value.type.tensorType.dimensions[0].constant.size += 1
        operation.outputs[0].type.CopyFrom(value.type)
    elif len(holder.values):
        place = int(rng.integers(len(holder.values)))
        holder.values[place] = _scalar(element, holder.values[place], texts, rng)


def _messages(message: Any) -> Iterator[Any]:
    yield message
    for field, value in message.ListFields():
        if _is_map(field):
            values = value.values()
        elif field.message_type is None:
            continue
        else:
            values = value if field.is_repeated else (value,)
        for one in values:
            yield from _messages(one)


def _is_map(field: Any) -> bool:
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def _texts(message: Any) -> Iterator[str]:
    for field, value in message.ListFields():
        if _is_map(field):
            yield from value
        elif field.type == field.TYPE_STRING:
            yield from value if field.is_repeated else (value,)


def _change(message: Any, texts: list[str], rng: np.random.Generator) -> None:
    known = list(message.DESCRIPTOR.fields)
    if not known:
        return
    field = known[rng.integers(len(known))]
    value = getattr(message, field.name)
    if _is_map(field):
        keys = sorted(value)
        if keys:
            old = keys[rng.integers(len(keys))]
            new = texts[rng.integers(len(texts))] if rng.integers(2) else keys[rng.integers(len(keys))]
            value[new].CopyFrom(value[old])
            if rng.integers(2) and new != old:
                del value[old]
    elif field.is_repeated:
        _change_list(value, field, texts, rng)
    elif field.message_type is not None:
        # an empty message is a value, too: of a oneof it takes the others' place
        message.ClearField(field.name) if rng.integers(2) else value.SetInParent()
    else:
        setattr(message, field.name, _scalar(field, value, texts, rng))


def _change_list(values: Any, field: Any, texts: list[str], rng: np.random.Generator) -> None:
    kind = rng.integers(4)
    if not len(values) or kind == 0:
        if field.message_type is not None:
            values.add()
        else:
            values.append(_scalar(field, field.default_value or 0, texts, rng))
        return
    place = int(rng.integers(len(values)))
    if kind == 1:
        del values[place]
    elif kind == 2 and field.message_type is not None:
        values.add().CopyFrom(values[place])
    elif kind == 3 and field.message_type is not None:
        values[place].CopyFrom(values[rng.integers(len(values))])
    elif field.message_type is None:
        values[place] = _scalar(field, values[place], texts, rng)


def _scalar(field: Any, old: Any, texts: list[str], rng: np.random.Generator) -> Any:
    if field.type == field.TYPE_STRING:
        return texts[rng.integers(len(texts))] if rng.integers(4) else PATHS[rng.integers(4)]
    if field.type == field.TYPE_BYTES:
        return flipped(old, rng) if old else rng.bytes(4)
    if field.type == field.TYPE_BOOL:
        return not old
    if field.type in (field.TYPE_FLOAT, field.TYPE_DOUBLE):
        return FLOATS[rng.integers(len(FLOATS))]
    if field.name == "dataType":
        return int(rng.choice([*DATA_TYPES, 0, 99]))
    bits, signed = {
        field.TYPE_INT32: (32, True), field.TYPE_INT64: (64, True), field.TYPE_UINT64: (64, False),
    }[field.type]  # fmt: skip
    new = int(old) + int(rng.integers(-2, 3)) if rng.integers(2) else INTEGERS[rng.integers(len(INTEGERS))]
    low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
    return min(max(new, low), high)


def in_zip(files: Files, rng: np.random.Generator) -> bytes:
    """The package as a damaged zip file."""
    method = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)[rng.integers(3)]
    kind = rng.integers(4)
    if kind == 0:
        root = ("../", "/", "a/b/", "..\\")[rng.integers(4)]
        return zipped(files, root, method)
    if kind == 1:
        name = str(rng.choice(sorted(files)))
        return zipped({**files, "x/" + name: files[name]}, "", method)
    data = bytearray(zipped(files, "", method))
    if kind == 2:
        # the tables of entries, at the end, are where most harm can be done
        for _ in range(rng.integers(1, 5)):
            data[-int(rng.integers(1, 400))] = rng.integers(256)
        return bytes(data)
    return flipped(bytes(data), rng)


KINDS: dict[str, tuple[Callable[[Files, np.random.Generator], Any], int]] = {
    "bytes": (bytes_of_a_file, 2), "record": (record, 1), "manifest": (manifest, 1), "fields": (fields, 4),
    "meaning": (meaning, 6), "zip": (in_zip, 1),
}  # fmt: skip
"""Kinds of damage with their weights."""


def damaged(files: Files, folder: Path, rng: np.random.Generator) -> Path:
    """A damaged copy of the package below ``folder``; returns where."""
    files = dict(files)
    names, weights = list(KINDS), np.array([w for _, w in KINDS.values()])
    kind = str(rng.choice(names, p=weights / weights.sum()))
    made = KINDS[kind][0](files, rng)
    if made is not None:
        place = folder / f"{kind}.zip"
        place.write_bytes(made)
        return place
    place = folder / f"{kind}.mlpackage"
    write(files, place)
    return place
