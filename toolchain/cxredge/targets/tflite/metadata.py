"""What the Task Library and other readers look for inside a ``.tflite``: names, normalisation, labels."""

from __future__ import annotations

import ctypes
import importlib.util
import io
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cxredge.errors import EnvironmentProblem
from cxredge.recipe import Recipe
from cxredge.recipe_student import Heatmap
from cxredge.targets.output_words import output_words
from cxredge.targets.tflite.metadata_tables import TensorWords, add_metadata, metadata_bytes

LABELS_FILE = "labels.txt"
TITLE = "CXR Edge student"
IMAGE = TensorWords("image", "radiograph after the bundle's input spec, values 0..255")
EPOCH = (1980, 1, 1, 0, 0, 0)
"""The least time that a zip entry can carry: bytes do not depend on when a model was built."""
GENERAL: dict[Heatmap, str] = {"exact": "with exact CAM", "gradient": "with gradient CAM", "none": "without maps"}


def unpack(data: bytes) -> Any:
    """``data`` as a ModelT of the TFLite schema, with the weights that lie behind the flatbuffer inside it.

    tflite-support's schema predates such external buffers and drops them silently.
    """
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(data, 0))
    for buffer in model.buffers:
        if buffer.offset > 1:
            buffer.data = np.frombuffer(data, np.uint8, buffer.size, buffer.offset)
            buffer.offset = buffer.size = 0
    return model


def pack(model: Any, size: int) -> bytes:
    """A ModelT's bytes; ``size`` is a guess at their number."""
    import flatbuffers

    builder = flatbuffers.Builder(size + 4096)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def populate(data: bytes, recipe: Recipe) -> bytes:
    """``data`` with metadata and a packed ``labels.txt`` (one name a line, in logit order).

    tflite-support writes it where it is installed, and ``metadata_tables`` where it is not: the same bytes.
    Raises EnvironmentProblem TFLITE-LIBUSB.
    """
    words = output_words(recipe, "rows x columns x labels")
    outputs = {
        tensor: TensorWords(name, words[name], LABELS_FILE if name == "logits" else None)
        for tensor, name in _output_tensors(data).items()
    }
    labels = "".join(f"{name}\n" for name in recipe.labels.names)
    description = f"chest radiograph student {GENERAL[recipe.heatmap]}"
    if has_tflite_support():
        return by_tflite_support(data, description, recipe.input.channels, outputs, labels)
    return by_tables(data, description, recipe.input.channels, outputs, labels)


def has_tflite_support() -> bool:
    """Whether the package is installed; whether it works is seen when it is imported."""
    return importlib.util.find_spec("tensorflow_lite_support") is not None


def by_tables(data: bytes, description: str, channels: int, outputs: Mapping[str, TensorWords], labels: str) -> bytes:
    """See ``populate``. ``outputs``: what is said of each, by tensor name, in the model's order."""
    metadata = metadata_bytes(TITLE, description, IMAGE, channels, list(outputs.values()))
    model = unpack(data)
    add_metadata(model, metadata)
    return _with_files(pack(model, len(data) + len(metadata)), {LABELS_FILE: labels.encode("utf-8")})


def by_tflite_support(
    data: bytes, description: str, channels: int, outputs: Mapping[str, TensorWords], labels: str
) -> bytes:
    """See ``by_tables``. Raises EnvironmentProblem TFLITE-LIBUSB."""
    load_libusb()
    from ai_edge_litert.schema_py_generated import TensorType
    from tensorflow_lite_support.metadata import metadata_schema_py_generated as schema
    from tensorflow_lite_support.metadata.python.metadata_writers import metadata_info, metadata_writer

    # mean and std are in units of the 0..255 pixels; the student normalises them itself
    image = metadata_info.InputImageTensorMd(
        name=IMAGE.name,
        description=IMAGE.description,
        norm_mean=[0.0],
        norm_std=[1.0],
        color_space_type=schema.ColorSpaceType.RGB if channels == 3 else schema.ColorSpaceType.GRAYSCALE,
        tensor_type=TensorType.FLOAT32,
    )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / LABELS_FILE
        file.write_text(labels, encoding="utf-8")
        said = []
        for tensor, words in outputs.items():
            one = metadata_info.TensorMd(name=words.name, description=words.description, tensor_name=tensor)
            if words.labels is not None:
                one.associated_files = [metadata_info.LabelFileMd(str(file))]
            said.append(one)
        general = metadata_info.GeneralMd(name=TITLE, description=description)
        writer = metadata_writer.MetadataWriter.create_from_metadata_info(
            bytearray(data), general, [image], said, [str(file)]
        )
        return _fixed_times(bytes(writer.populate()))


def load_libusb() -> None:
    """tflite-support's native module is linked to libusb-1.0 and never calls it: any copy that loads will do.

    Raises EnvironmentProblem TFLITE-LIBUSB.
    """
    try:
        ctypes.CDLL("libusb-1.0.so.0", mode=ctypes.RTLD_GLOBAL)
        return
    except OSError:
        pass
    try:
        import libusb_package

        ctypes.CDLL(str(libusb_package.get_library_path()), mode=ctypes.RTLD_GLOBAL)
    except (ImportError, OSError) as error:
        raise EnvironmentProblem(
            "TFLITE-LIBUSB",
            f"tflite-support needs libusb-1.0: {error}",
            "install libusb-package, or take tflite-support away: the same metadata is then written without it",
        ) from error


def _output_tensors(data: bytes) -> dict[str, str]:
    """Contract name by tensor name, in the model's own order."""
    model = unpack(data)
    graph = model.subgraphs[0]
    names = {int(o.tensorIndex): o.name.decode() for o in model.signatureDefs[0].outputs}
    return {graph.tensors[int(i)].name.decode(): names[int(i)] for i in graph.outputs}


def _fixed_times(data: bytes) -> bytes:
    """Rewrite the zip archive that the packed files form behind the flatbuffer, with ``EPOCH`` as every time."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        files = {info.filename: archive.read(info) for info in archive.infolist()}
        # the first entry's local header starts where the flatbuffer ends
        start = min(info.header_offset for info in archive.infolist())
    return _with_files(data[:start], files)


def _with_files(data: bytes, files: Mapping[str, bytes]) -> bytes:
    """``data`` and behind it a zip archive of ``files``, as readers of metadata look for them."""
    stream = io.BytesIO(data)
    stream.seek(0, io.SEEK_END)
    with zipfile.ZipFile(stream, "a", zipfile.ZIP_STORED) as archive:
        for name, content in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(name, EPOCH), content)
    return stream.getvalue()
