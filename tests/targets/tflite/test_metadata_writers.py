"""The metadata of a ``.tflite`` is the same bytes, whoever writes it."""

from __future__ import annotations

import importlib.util
import io
import zipfile
from pathlib import Path

import pytest

from cxredge.targets.tflite.metadata import LABELS_FILE, by_tables, by_tflite_support, has_tflite_support, pack, unpack
from cxredge.targets.tflite.metadata_tables import FIELD, TensorWords
from support.command import ROOT

BUNDLES = ROOT / "tests" / "bundle" / "fixtures" / "v2"
FILES = sorted(BUNDLES.glob("*/artifacts/tflite/*.tflite"))


def bare(file: Path) -> bytes:
    """The model without the metadata that it has, which the last buffer holds."""
    model = unpack(file.read_bytes())
    (mine,) = (one for one in model.metadata if one.name == FIELD.encode())
    assert mine.buffer == len(model.buffers) - 1
    model.metadata.remove(mine)
    model.buffers.pop()
    return pack(model, 0)


def said(data: bytes, labels: str) -> dict[str, TensorWords]:
    """Words for every output, of lengths that fall on every side of the format's padding."""
    graph = unpack(data).subgraphs[0]
    words = (
        ("logits", "one for each label"),
        ("cam", "a map, größer"),
        ("novelty", ""),
        ("quality", "log-odds of kinds"),
    )
    return {
        graph.tensors[int(output)].name.decode(): TensorWords(name, text, labels if name == "logits" else None)
        for output, (name, text) in zip(graph.outputs, words, strict=False)
    }


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parts[-4]}-{file.stem}")
@pytest.mark.parametrize("labels", ["Edema\n", "Ödem\nPleural_Thickening\n"])
def test_both_writers_give_the_same_bytes(file: Path, channels: int, labels: str) -> None:
    assert FILES
    if not has_tflite_support():
        pytest.skip("tflite-support is not installed")
    data = bare(file)
    outputs = said(data, LABELS_FILE)
    ours = by_tables(data, "chest radiograph student", channels, outputs, labels)
    assert ours == by_tflite_support(data, "chest radiograph student", channels, outputs, labels)
    assert ours != by_tables(data, "chest radiograph student!", channels, outputs, labels)
    with zipfile.ZipFile(io.BytesIO(ours)) as archive:
        assert archive.read(LABELS_FILE).decode() == labels


def test_without_the_package_the_target_can_be_built_and_doctor_says_who_writes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from cxredge.targets import base, get_target
    from cxredge.workflows import doctor

    version, find = base._version, importlib.util.find_spec
    monkeypatch.setattr(base, "_version", lambda p: None if p in ("tflite-support", "libusb-package") else version(p))
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *rest: None if name == "tensorflow_lite_support" else find(name, *rest),
    )
    assert get_target("tflite").availability().build is None
    assert "tflite-support" not in get_target("tflite").tools()
    build, _ = doctor._questions("tflite")
    assert isinstance(build, doctor._Import)
    assert "no tflite-support: the same metadata is written without it" in build.good
