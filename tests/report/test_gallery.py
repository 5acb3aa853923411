from __future__ import annotations

import base64
import io
from dataclasses import replace

import numpy as np
import pytest

from cxredge.report.gallery import SIDE, data_uri, exhibits
from report.plausible import films_for, material_for, outputs_for, recipe_for


@pytest.mark.parametrize(("height", "width"), [(32, 48), (1024, 640)])
def test_a_picture_is_a_small_jpeg_inside_the_page(height: int, width: int) -> None:
    from PIL import Image

    ramp = np.broadcast_to(np.linspace(0, 255, width).astype(np.uint8)[None, :, None], (height, width, 3))
    text = data_uri(ramp)
    head, data = text.split(",")
    assert head == "data:image/jpeg;base64"
    picture = Image.open(io.BytesIO(base64.b64decode(data)))
    assert picture.format == "JPEG"
    scale = min(1, SIDE / max(height, width))
    assert picture.size == (round(width * scale), round(height * scale))
    left, right = np.asarray(picture)[0, [0, -1], 0].astype(int)
    assert (left, right) == (pytest.approx(0, abs=12), pytest.approx(255, abs=12))


@pytest.mark.parametrize("channels", [1, 3])
def test_exhibits_carry_the_numbers_of_their_film_and_label(channels: int) -> None:
    recipe = recipe_for(["A", "B"], ["tflite/w8a8"])
    films = films_for(40, 2)
    material = material_for(recipe, films, outputs_for(films, recipe.artifacts()))
    asked = []

    def pixels(film: int) -> np.ndarray:
        asked.append(film)
        return np.full((channels, 64, 48), 90, np.uint8)

    found = exhibits(replace(material, pixels=pixels), "tflite/w8a8")
    assert len(found) == len(asked) > 1
    for exhibit, film in zip(found, asked, strict=True):
        label = recipe.labels.names.index(exhibit.label)
        assert exhibit.film == films[film].file
        assert exhibit.says == ("finding" if films[film].targets[label] else "no finding")
        assert exhibit.reference == float(material.outputs["reference"]["logits"][film, label]) >= exhibit.threshold
        assert exhibit.artifact == float(material.outputs["tflite/w8a8"]["logits"][film, label])
        plain, reference, artifact = exhibit.pictures
        assert len({plain, reference, artifact}) == 3
