"""The self-test: known answers that an app recomputes before it shows anything.

Inputs are two phantoms and two patterns, never a person's film. For each case the bundle holds the picture (PNG, so
that decoding is tested too), the preprocessed pixels, and every artifact's own outputs as computed here. An app must
get the pixels bit for bit, and the outputs within the artifact's tolerance.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from cxredge import strict_json
from cxredge.bundle.manifest import PATH, Tolerance
from cxredge.errors import InputError
from cxredge.files import canonical_json, read_bytes, write_bytes, write_text
from cxredge.outputs import Outputs
from cxredge.recipe_input import InputSpec
from cxredge.results import Artifact
from cxredge.targets import get_target
from cxredge.vocabulary import ArtifactName, Frozen, Sha256

FOLDER = "selftest"
FILE = f"{FOLDER}/selftest.json"
MAX_BYTES, MAX_VALUES = 16_000_000, 900_000
"""What phones read at most, less some room for what stands beside the answers."""
SEED = 20_240_501
"""Of the phantom patients; any number would do, but it must stay the same."""


class ExpectedOutputs(Frozen):
    """What one artifact said of one case on the machine that built the bundle."""

    logits: tuple[float, ...]
    """[C]"""
    cam: tuple[float, ...] | None
    """[C * h * w], row-major; None, as below: the model has no such output."""
    novelty: float | None
    quality: tuple[float, ...] | None
    """[K]"""


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
    """All cases."""

    selftest: Literal[2]
    cam_shape: tuple[int, int, int] | None
    """[C, h, w]; None: the model has no map."""
    cases: tuple[Case, ...]


def read_selftest(folder: Path, path: str) -> SelfTest:
    """The known answers of a bundle whose files were checked. path: as its manifest has it.

    Raises InputError SELFTEST-SYNTAX or SELFTEST-SCHEMA.
    """
    data = read_bytes(folder / path, MAX_BYTES)
    try:
        strict_json.parse(data, MAX_BYTES)
    except ValueError as error:
        raise InputError(
            "SELFTEST-SYNTAX", f"the self-test's file is not valid JSON: {error}", "build the bundle again"
        ) from error
    try:
        return SelfTest.model_validate_json(data)
    except ValidationError as error:
        place, what = strict_json.first_fault(error)
        raise InputError(
            "SELFTEST-SCHEMA", f"the self-test's file: {place}: {what}", "build the bundle again"
        ) from error


def read_pixels(folder: Path, name: str, spec: InputSpec) -> NDArray[np.uint8]:
    """Preprocessed pixels of a case, beside the self-test's file: uint8[ch, H, W].

    Raises InputError SELFTEST-SCHEMA.
    """
    shape = (spec.channels, spec.height, spec.width)
    data = read_bytes(folder / name, math.prod(shape)) if re.fullmatch(PATH, name) else b""
    if len(data) != math.prod(shape):
        raise InputError(
            "SELFTEST-SCHEMA",
            f"the self-test's file: {name[:200]!a} is no image of {list(shape)}",
            "build the bundle again",
        )
    return np.frombuffer(data, np.uint8).reshape(shape)


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
    from cxredge.recipe_data import PhantomData

    films = sample_patients(PhantomData(source="phantom", seed=SEED, patients={"test": 2}))
    by_patient = {film.patient: film for film in reversed(films)}
    return [render(by_patient[patient]).grey for patient in sorted(by_patient)]


def write_selftest(
    folder: Path, spec: InputSpec, inputs: dict[str, tuple[str, bytes]], expected: Mapping[ArtifactName, Outputs]
) -> None:
    """Write vectors into ``folder``.

    expected: artifact name -> outputs of the inputs in their order. Raises InputError SELFTEST-SIZE.
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
    cam = next(iter(expected.values())).get("cam")
    shape = None if cam is None else (cam.shape[1], cam.shape[2], cam.shape[3])
    selftest = SelfTest(selftest=2, cam_shape=shape, cases=tuple(cases))
    text = canonical_json(selftest.model_dump(mode="json"))
    size = len(text.encode())
    values = sum(array.size for outputs in expected.values() for array in outputs.values())
    if size > MAX_BYTES or values > MAX_VALUES:
        raise InputError(
            "SELFTEST-SIZE",
            f"the known answers are {values} values in {size} bytes; phones read {MAX_VALUES} in {MAX_BYTES}",
            "bundle fewer artifacts for the app, or a student with a smaller map",
        )
    write_text(folder / FILE, text)


def _expected(outputs: Outputs, i: int) -> ExpectedOutputs:
    # float32 -> float keeps the value exactly; JSON keeps a double exactly
    values = {name: tuple(map(float, array[i].ravel())) for name, array in outputs.items()}
    novelty = values.get("novelty")
    return ExpectedOutputs(
        logits=values["logits"],
        cam=values.get("cam"),
        novelty=None if novelty is None else novelty[0],
        quality=values.get("quality"),
    )


def tolerance(artifact: Artifact, outputs: Outputs) -> Tolerance:
    """Within what another machine's runtime must land.

    Float artifacts differ by summation order only: 1e-3 of the largest value. Where operators compute in float16, every
    sum may be rounded in another place: 2e-2, three times what float16 itself was seen to cost. Static INT8 differs
    where a sum is rounded to the other step. With a step of an 8-bit cam as the unit: four for the cam (kernels of one
    spec were seen to differ by one step, and earlier layers add to it), one for the logits, which are means over cells.
    Without a cam the unit is a step of 8-bit logits, whose range is the smaller one: four for the logits.
    Quality comes from a float head on the features that the logits come from: the same share of its largest value.
    """
    largest = {name: float(np.abs(values).max()) for name, values in outputs.items()}
    step = artifact.cam_step
    if step is None and artifact.logit_step is not None:
        step = 4 * artifact.logit_step
    if step is None:
        half = "float16" in artifact.census.activations and get_target(artifact.target).computes_in_half
        share, novelty = (2e-2, 5e-2) if half else (1e-3, 1e-2)
        allowed = {name: share * value for name, value in largest.items()}
    else:
        share, novelty = step / max(largest["logits"], step), 0.2
        allowed = {"logits": step, "cam": 4 * step, "quality": share * largest.get("quality", 0.0)}
    return Tolerance(
        logits_abs=allowed["logits"],
        cam_abs=allowed["cam"] if "cam" in outputs else None,
        novelty_rel=novelty if "novelty" in outputs else None,
        quality_abs=allowed["quality"] if "quality" in outputs else None,
    )
