"""TFLite's metadata as tables of a flatbuffer, written without tflite-support.

That package asks for protobuf < 4, so plain ``pip`` installs it beside nothing else that is here. What it would write
for a student is one small tree of tables, in the order below; the bytes are the same, and tests hold them to it.
Slots and numbers are those of tflite-support's ``metadata_schema.fbs``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

FIELD, IDENTIFIER, PARSER_VERSION = "TFLITE_METADATA", b"M001", "1.0.0"
"""The model's field that holds the metadata, its file identifier, and the least parser that reads these tables."""
_LABELS_WORDS = "Labels for categories that the model can recognize."
_FEATURE, _IMAGE = 1, 2
_NORMALISATION = 1
_AXIS_LABELS = 2
_COLOURS = {3: 1, 1: 2}
_PIXELS = (0.0, 255.0)


@dataclass(frozen=True)
class TensorWords:
    """What is said of one tensor; ``labels``: the packed file that names its last axis, if one does."""

    name: str
    description: str
    labels: str | None = None


class _Tables:
    """A flatbuffer that is written from the leaves to the root; every method gives the offset of what it wrote."""

    def __init__(self) -> None:
        import flatbuffers

        self.builder: Any = flatbuffers.Builder(1024)

    def text(self, value: str) -> int:
        return int(self.builder.CreateString(value))

    def floats(self, values: Sequence[float]) -> int:
        return int(self.builder.CreateNumpyVector(np.asarray(values, np.float32)))

    def vector(self, tables: Sequence[int]) -> int:
        self.builder.StartVector(4, len(tables), 4)
        for table in reversed(tables):
            self.builder.PrependUOffsetTRelative(table)
        return int(self.builder.EndVector())

    def table(self, offsets: Mapping[int, int], byte: tuple[int, int] | None = None) -> int:
        """``offsets`` by slot, in the order of writing, and at most one ``byte`` as (slot, value)."""
        self.builder.StartObject(10)
        for slot in sorted({*offsets, *([byte[0]] if byte else [])}):
            if byte is not None and slot == byte[0]:
                self.builder.PrependUint8Slot(slot, byte[1], 0)
            else:
                self.builder.PrependUOffsetTRelativeSlot(slot, offsets[slot], 0)
        return int(self.builder.EndObject())


def metadata_bytes(
    name: str, description: str, image: TensorWords, channels: int, outputs: Sequence[TensorWords]
) -> bytes:
    """The flatbuffer of a model with one image input, values 0..255 that nothing normalises, and ``outputs``.

    ``channels``: 1 (grey) or 3 (red, green, blue). The outputs are in the order of the model's own.
    """
    made = _Tables()
    title, words = made.text(name), made.text(description)
    inputs = made.vector([_image(made, image, channels)])
    results = made.vector([_feature(made, output) for output in outputs])
    graphs = made.vector([made.table({2: inputs, 3: results})])
    version = made.text(PARSER_VERSION)
    made.builder.Finish(made.table({0: title, 1: words, 3: graphs, 7: version}), IDENTIFIER)
    return bytes(made.builder.Output())


def _image(made: _Tables, tensor: TensorWords, channels: int) -> int:
    name, description = made.text(tensor.name), made.text(tensor.description)
    content = made.table({1: made.table({}, (0, _COLOURS[channels]))}, (0, _IMAGE))
    mean, std = made.floats([0.0]), made.floats([1.0])
    units = made.vector([made.table({1: made.table({0: mean, 1: std})}, (0, _NORMALISATION))])
    highest, lowest = made.floats([_PIXELS[1]]), made.floats([_PIXELS[0]])
    return made.table({0: name, 1: description, 3: content, 4: units, 5: made.table({0: highest, 1: lowest})})


def _feature(made: _Tables, tensor: TensorWords) -> int:
    name, description = made.text(tensor.name), made.text(tensor.description)
    content = made.table({1: made.table({})}, (0, _FEATURE))
    slots = {0: name, 1: description, 3: content, 5: made.table({})}
    if tensor.labels is not None:
        file, words = made.text(tensor.labels), made.text(_LABELS_WORDS)
        slots[6] = made.vector([made.table({0: file, 1: words}, (2, _AXIS_LABELS))])
    return made.table(slots)


def add_metadata(model: Any, metadata: bytes) -> None:
    """Put ``metadata`` into a ModelT of the TFLite schema, as a buffer of its own behind the others."""
    from ai_edge_litert import schema_py_generated as schema

    buffer, field = schema.BufferT(), schema.MetadataT()
    buffer.data = np.frombuffer(metadata, np.uint8)
    model.buffers = [*(model.buffers or []), buffer]
    field.name, field.buffer = FIELD, len(model.buffers) - 1
    model.metadata = [*(model.metadata or []), field]
