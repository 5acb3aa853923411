"""The self-test: known answers that an app recomputes before it shows anything.

Inputs are two phantoms and two patterns, never a person's film. For each case the bundle holds the picture (PNG, so
that decoding is tested too), the preprocessed pixels, and every artifact's own outputs as computed here. An app must
get the pixels bit for bit, and the outputs within the artifact's tolerance.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cxredge.files import canonical_json, write_bytes, write_text
from cxredge.outputs import Outputs
from cxredge.recipe import InputSpec
from cxredge.results import Artifact
from cxredge.targets import get_target
from cxredge.vocabulary import ArtifactName, Frozen, Sha256

FOLDER = "selftest"
FILE = f"{FOLDER}/selftest.json"
SEED = 20_240_501
"""Of the phantom patients; any number would do, but it must stay the same."""


class ExpectedOutputs(Frozen):
    """What one artifact said of one case on the machine that built the bundle."""

    logits: tuple[float, ...]
    """[C]"""
    cam: tuple[float, ...]
    """[C * h * w], row-major."""
    novelty: float


class Case(Frozen):
    """One known answer."""

    name: str
    what: str
    image: str
    """PNG beside this file."""
    image_sha256: Sha256
    pixels: str
    """Preprocessed pixels beside this file: uint8[ch, H, W], row-major, no header."""
    pixels_sha256: Sha256
    expected: dict[ArtifactName, ExpectedOutputs]


class SelfTest(Frozen):
    """All cases; ``cam_shape`` is [C, h, w]."""

    selftest: Literal[1] = 1
    cam_shape: tuple[int, int, int]
    cases: tuple[Case, ...]


def make_inputs(spec: InputSpec) -> dict[str, tuple[str, bytes]]:
    """Name -> (what it shows, PNG bytes). The same spec gives the same bytes."""
    from PIL import Image

    def png(pixels: NDArray[np.uint8]) -> bytes:
        if spec.channels == 3:
            pixels = np.stack([pixels, pixels[::-1], pixels[:, ::-1]], axis=2)
        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, "PNG")
        return stream.getvalue()

    y, x = np.mgrid[0:211, 0:307]
    ramp = ((x * 255) // 306).astype(np.uint8)
    checks = (((x // 23 + y // 17) % 2) * 140 + 50).astype(np.uint8)
    inputs = {f"phantom-{i}": ("a phantom chest radiograph", png(grey)) for i, grey in enumerate(_phantoms())}
    inputs["ramp"] = ("a horizontal grey ramp", png(ramp))
    inputs["checks"] = ("a chequered pattern", png(checks))
    return inputs


def _phantoms() -> list[NDArray[np.uint8]]:
    from cxredge.phantoms.render import render, sample_patients
    from cxredge.recipe import PhantomData

    films = sample_patients(PhantomData(source="phantom", seed=SEED, patients={"test": 2}))
    by_patient = {film.patient: film for film in reversed(films)}
    return [render(by_patient[patient]).grey for patient in sorted(by_patient)]


def write_selftest(
    folder: Path, spec: InputSpec, inputs: dict[str, tuple[str, bytes]], expected: dict[str, Outputs]
) -> None:
    """Write vectors into ``folder``.

    expected: artifact name -> outputs of the inputs in their order.
    """
    from cxredge.files import sha256_bytes
    from cxredge.images.preprocess import preprocess

    cases = []
    for i, (name, (what, png)) in enumerate(inputs.items()):
        pixels = preprocess(png, spec).tobytes()
        write_bytes(folder / FOLDER / f"{name}.png", png)
        write_bytes(folder / FOLDER / f"{name}.pixels", pixels)
        cases.append(
            Case(
                name=name,
                what=what,
                image=f"{name}.png",
                image_sha256=sha256_bytes(png),
                pixels=f"{name}.pixels",
                pixels_sha256=sha256_bytes(pixels),
                expected={artifact: _expected(outputs, i) for artifact, outputs in expected.items()},
            )
        )
    shape = next(iter(expected.values()))["cam"].shape[1:]
    selftest = SelfTest(cam_shape=(shape[0], shape[1], shape[2]), cases=tuple(cases))
    write_text(folder / FILE, canonical_json(selftest.model_dump(mode="json")))


def _expected(outputs: Outputs, i: int) -> ExpectedOutputs:
    # float32 -> float keeps the value exactly; JSON keeps a double exactly
    return ExpectedOutputs(
        logits=tuple(map(float, outputs["logits"][i])),
        cam=tuple(map(float, outputs["cam"][i].ravel())),
        novelty=float(outputs["novelty"][i]),
    )


def tolerance(artifact: Artifact, outputs: Outputs) -> tuple[float, float, float, str]:
    """(logits_abs, cam_abs, novelty_rel, rule) within which another machine's runtime must land.

    Float artifacts differ by summation order only: 1e-3 of the largest value. Where operators compute in float16, every
    sum may be rounded in another place: 2e-2, three times what float16 itself was seen to cost. Static INT8 differs
    where a sum is rounded to the other step. With a step of an 8-bit cam as the unit: four for the cam (kernels of one
    spec were seen to differ by one step, and earlier layers add to it), one for the logits, which are means over cells.
    """
    if artifact.cam_step is None:
        half = "float16" in artifact.census.activations and get_target(artifact.target).computes_in_half
        share, novelty = (2e-2, 5e-2) if half else (1e-3, 1e-2)
        logits, cam = (float(np.abs(outputs[n]).max()) * share for n in ("logits", "cam"))
        return logits, cam, novelty, f"{share:g} of the largest value of these cases; novelty {novelty:g} relative"
    step = artifact.cam_step
    return step, 4 * step, 0.2, f"one and four 255ths of the cam's calibrated range ({step:.6g}); novelty 0.2 relative"
