"""Pictures of the films whose heatmaps changed most: film, reference's map, artifact's map, inside the page."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cxredge.report.choice import worst_maps
from cxredge.report.heatmap import overlay
from cxredge.report.material import REFERENCE, ReportMaterial

SIDE = 208
"""Longest side of a picture in the page, in pixels."""
QUALITY = 72


@dataclass(frozen=True)
class Exhibit:
    """One film and label: three pictures as data URIs, and the numbers under them."""

    film: str
    label: str
    says: str
    """What the data set says of the film."""
    threshold: float
    reference: float
    artifact: float
    correlation: float
    pictures: tuple[str, str, str]
    """Film, reference's map over it, artifact's map over it."""


def exhibits(material: ReportMaterial, artifact: str) -> tuple[Exhibit, ...]:
    """The worst films of one artifact, the worst first; empty where the reference calls nothing, or has no maps."""
    reference, other = (material.outputs[name] for name in (REFERENCE, artifact))
    found = []
    for film, label, correlation in worst_maps(material, artifact):
        pixels = material.pixels(film)
        plain = np.broadcast_to(pixels.transpose(1, 2, 0), (*pixels.shape[1:], 3))
        maps = (overlay(pixels, outputs["cam"][film, label]) for outputs in (reference, other))
        first, second, third = (data_uri(picture) for picture in (plain, *maps))
        name = material.names[label]
        found.append(
            Exhibit(
                film=material.films[film].file,
                label=name,
                says=_says(material, film, label),
                threshold=float(material.rule.cut[label]),
                reference=float(material.scores[REFERENCE][film, label]),
                artifact=float(material.scores[artifact][film, label]),
                correlation=correlation,
                pictures=(first, second, third),
            )
        )
    return tuple(found)


def _says(material: ReportMaterial, film: int, label: int) -> str:
    """Whether the finding is there; of exclusive classes, which one is."""
    if not material.judged[label]:
        return "nothing (not judged)"
    truth = material.truth[film]
    if material.recipe.labels.kind == "single-label":
        return material.names[int(truth.argmax())]
    return "finding" if truth[label] else "no finding"


def data_uri(picture: NDArray[np.uint8]) -> str:
    """uint8[H, W, 3] -> a JPEG of at most ``SIDE`` pixels a side, as a data URI."""
    from PIL import Image

    image = Image.fromarray(np.ascontiguousarray(picture))
    image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=QUALITY, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode("ascii")
