"""Bundles that no recipe gives: one of a model that lacks what others have, and one of the first manifest."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxredge.bundle import sign
from cxredge.bundle.bundle import list_files, read_manifest
from cxredge.bundle.keys import fingerprint, read_private
from cxredge.bundle.manifest import FILE, SIGNATURE, Manifest, Tolerance, seal, tensors, text
from cxredge.bundle.model import QualitySpec
from cxredge.bundle.selftest import FOLDER, make_inputs, write_selftest
from cxredge.bundle.statement import Envelope
from cxredge.files import canonical_json, sha256_file, write_bytes, write_text
from cxredge.images.preprocess import preprocess, to_student
from cxredge.outputs import Outputs
from cxredge.report.findings import findings

QUALITY = ("inverted", "upside-down", "turned", "mirrored")
WEIGHTS = np.array([[1, -1, 0, 0], [-1, 1, 1, -1], [0, 0, -1, 1]], np.float32)
"""From three logits to the log-odds of four accidents: of each pair one is suspected."""


def make_bare(source: Path, goal: Path) -> None:
    """From the bundle ``source`` of three classes, one whose model gives logits and quality, and nothing else."""
    old = read_manifest(source)
    shutil.copytree(source, goal, dirs_exist_ok=True, ignore=shutil.ignore_patterns(FILE, SIGNATURE, FOLDER, "record"))
    model = old.model.model_copy(
        update={
            "name": "bare",
            "heatmap": "none",
            "novelty": None,
            "quality": tuple(QualitySpec.model_validate({"kind": kind, "threshold": 0.0}) for kind in QUALITY),
        }
    )
    (entry,) = old.artifacts
    file = goal / entry.path
    _rewrite(file)
    inputs = make_inputs(model.input)
    pixels = np.stack([preprocess(png, model.input) for _, png in inputs.values()])
    outputs = _run(file, to_student(pixels))
    write_selftest(goal, model.input, inputs, {entry.name: outputs})
    allowed = {"logits_abs": 0.001, "cam_abs": None, "novelty_rel": None, "quality_abs": 0.001}
    bare = entry.model_copy(
        update={
            **tensors(model, "NCHW", None),
            "sha256": sha256_file(file),
            "tolerance": Tolerance.model_validate(allowed),
        }
    )
    manifest = old.model_copy(update={"id": "", "model": model, "artifacts": (bare,), "files": list_files(goal)})
    write_text(goal / FILE, text(seal(Manifest.model_validate_json(text(manifest)))))


def predict(bundle: Path, films: Path) -> str:
    """What ``cxredge predict --json`` would say of the films, if it ran models that lack an output."""
    manifest = read_manifest(bundle)
    (entry,) = manifest.artifacts
    found = []
    for film in sorted(films.iterdir()):
        outputs = _run(bundle / entry.path, to_student(preprocess(film, manifest.model.input)[None]))
        said = findings(manifest.model, outputs, str(film), sha256_file(film), manifest.id, entry.name, entry.too_few)
        found.append(said.model_dump(mode="json"))
    return canonical_json(found)


def _run(file: Path, images: NDArray[np.float32]) -> Outputs:
    """Outputs of images, one at a time: the graph is for one."""
    import onnxruntime

    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    answers = [session.run(None, {"image": image[None]}) for image in images]
    return {name: np.concatenate([answer[i] for answer in answers]) for i, name in enumerate(names)}


def _rewrite(file: Path) -> None:
    """Take map and novelty out of the graph's outputs, and add quality."""
    import onnx
    from onnx import helper, numpy_helper

    graph: Any = onnx.load(file)
    kept = [output for output in graph.graph.output if output.name == "logits"]
    del graph.graph.output[:]
    graph.graph.output.extend(kept)
    graph.graph.initializer.append(numpy_helper.from_array(WEIGHTS, "quality_weights"))
    graph.graph.node.append(helper.make_node("MatMul", ["logits", "quality_weights"], ["quality"], "quality"))
    graph.graph.output.append(helper.make_tensor_value_info("quality", onnx.TensorProto.FLOAT, [1, len(QUALITY)]))
    onnx.checker.check_model(graph)
    write_bytes(file, graph.SerializeToString())


def make_old(source: Path, goal: Path, key_file: Path) -> None:
    """A bundle whose manifest says version 1, signed as it stands: `cxredge sign` itself refuses to."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    shutil.copytree(source, goal, dirs_exist_ok=True)
    manifest = read_manifest(source)
    newer = text(manifest)
    write_text(goal / FILE, newer.replace('"manifest": 2', '"manifest": 1'))
    key, _ = read_private(key_file)
    payload, name = sign._payload(goal, manifest), fingerprint(key.public_key())
    signed = key.sign(Envelope(name, payload, b"").signed_bytes(), ec.ECDSA(hashes.SHA256()))
    write_bytes(goal / SIGNATURE, Envelope(name, payload, signed).text())
