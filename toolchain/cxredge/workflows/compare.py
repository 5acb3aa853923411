"""Core ML against the evaluator, on the bundle's own self-test inputs: does a Mac say what was verified elsewhere?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cxredge.bundle import selftest
from cxredge.bundle.bundle import read_any_manifest
from cxredge.bundle.manifest import AnyManifest
from cxredge.errors import InputError
from cxredge.parity import numerics
from cxredge.vocabulary import ArtifactName, Frozen

if TYPE_CHECKING:
    from cxredge.targets.runner import Runner


class Difference(Frozen):
    """How far one output of one artifact differs between the two, over all self-test inputs."""

    artifact: ArtifactName
    output: str
    max_abs: float
    largest: float
    """Largest absolute value that the evaluator gave."""
    sqnr_db: float | None
    """None when nothing differs."""


def compare_bundle(bundle: Path) -> Iterator[Difference]:
    """Run every Core ML artifact by Core ML and by the evaluator.

    Raises InputError BUNDLE-*, MANIFEST-*, COMPARE-NONE, or EnvironmentProblem COREML-MAC where Core ML does not exist.
    """
    from cxredge.targets.coreml.target import CORE_ML, EVALUATED, CoreML

    manifest = read_any_manifest(bundle)
    entries = [e for e in manifest.artifacts if e.target == CoreML.name]
    if not entries:
        raise InputError("COMPARE-NONE", f"{manifest.id} holds no Core ML artifact", "name a host or ios bundle")
    target = CoreML()
    images = selftest_images(bundle, manifest)
    for entry in entries:
        path = bundle / entry.path
        with target.open_with(CORE_ML, path) as device, target.open_with(EVALUATED, path) as evaluator:
            yield from differences(entry.name, device, evaluator, images)


def selftest_images(bundle: Path, manifest: AnyManifest) -> list[NDArray[np.float32]]:
    """The self-test's preprocessed pixels, each float32[1, ch, H, W], values 0..255. Raises InputError SELFTEST-*."""
    cases = selftest.read_selftest(bundle, manifest.selftest).cases
    folder = (bundle / manifest.selftest).parent
    pixels = [selftest.read_pixels(folder, case.pixels, manifest.model.input) for case in cases]
    return [one[np.newaxis].astype(np.float32) for one in pixels]


def differences(
    name: str, device: Runner, evaluator: Runner, images: list[NDArray[np.float32]]
) -> Iterator[Difference]:
    """One record an output; images: each float32[1, ch, H, W]."""
    pairs = [(evaluator.run(image), device.run(image)) for image in images]
    for output in pairs[0][0]:
        expected, found = (np.concatenate([pair[i][output] for pair in pairs]) for i in (0, 1))
        yield Difference(
            artifact=name,
            output=output,
            max_abs=numerics.max_abs(expected, found),
            largest=float(np.abs(expected).max()),
            sqnr_db=numerics.sqnr_db(expected, found),
        )
