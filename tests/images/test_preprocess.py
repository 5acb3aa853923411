from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxredge.errors import InputError
from cxredge.images.preprocess import fit, preprocess, preprocess_films, to_student
from cxredge.images.resample import resample
from cxredge.recipe_input import InputSpec
from cxredge.vectors.sources import jpeg, png, scene


def spec(kind: Literal["pad", "crop", "squash"], height: int, width: int, **more: object) -> InputSpec:
    return InputSpec.model_validate({"fit": kind, "height": height, "width": width, **more})


def test_pad_puts_the_film_in_the_middle_of_bars() -> None:
    film = scene(10, 23, 1, 200).astype(np.uint8)
    fitted = fit(film, spec("pad", 32, 32, pad_value=255))
    assert fitted.shape == (23, 23)
    np.testing.assert_array_equal(fitted[6:16], film)  # 13 rows of bar: 6 above, 7 below
    assert (fitted[:6] == 255).all()
    assert (fitted[16:] == 255).all()
    tall = fit(film.T, spec("pad", 32, 32, pad_value=7))
    np.testing.assert_array_equal(tall[:, 6:16], film.T)
    assert (tall[:, :6] == 7).all()


def test_crop_keeps_the_middle() -> None:
    film = scene(10, 23, 0, 255).astype(np.uint8)
    np.testing.assert_array_equal(fit(film, spec("crop", 32, 32)), film[:, 6:16])
    np.testing.assert_array_equal(fit(film.T, spec("crop", 32, 32)), film.T[6:16])
    assert fit(film[:1], spec("crop", 16, 1024)).shape == (1, 23)
    assert fit(film[:, :1], spec("crop", 16, 1024)).shape == (1, 1)


def test_squash_and_right_shapes_change_nothing() -> None:
    film = scene(12, 24, 0, 255).astype(np.uint8)
    assert fit(film, spec("squash", 100, 16)) is film
    for kind in ("pad", "crop"):
        np.testing.assert_array_equal(fit(film, spec(kind, 16, 32)), film)


@settings(max_examples=300, deadline=None)
@given(
    st.integers(1, 300),
    st.integers(1, 300),
    st.integers(16, 400),
    st.integers(16, 400),
    st.sampled_from(["pad", "crop"]),
)
def test_fit_reaches_the_ratio_within_half_a_pixel(
    h: int, w: int, height: int, width: int, kind: Literal["pad", "crop"]
) -> None:
    film = np.zeros((h, w), np.uint8)
    rows, columns = fit(film, spec(kind, height, width)).shape
    if kind == "pad":
        assert rows >= h
        assert columns >= w
        assert rows == h or columns == w
    else:
        assert rows <= h
        assert columns <= w
        assert rows == h or columns == w
    # the side that changed is the nearest whole number, or the 1 below which there is no film
    assert (
        abs(rows - columns * height / width) <= 0.5
        or abs(columns - rows * width / height) <= 0.5
        or 1 in (rows, columns)
    )


def test_padding_beyond_the_limit_is_refused() -> None:
    needle = np.zeros((1, 100_000), np.uint8)
    with pytest.raises(InputError) as refusal:
        fit(needle, spec("pad", 16, 16))
    assert refusal.value.code == "IMG-SIZE"
    assert fit(needle, spec("crop", 16, 16)).shape == (1, 1)


@pytest.mark.parametrize("kind", ["pad", "crop", "squash"])
def test_preprocess_is_its_stages(kind: Literal["pad", "crop", "squash"]) -> None:
    film = scene(61, 83, 0, 255).astype(np.uint8)
    s = spec(kind, 40, 24, pad_value=9)
    out = preprocess(png(film), s)
    assert out.shape == (1, 40, 24)
    assert out.dtype == np.uint8
    np.testing.assert_array_equal(out[0], resample(fit(film, s), 40, 24))
    colour = np.stack([film, film[::-1], film[:, ::-1]], -1)
    planes = preprocess(png(colour), s.model_copy(update={"channels": 3}))
    assert planes.shape == (3, 40, 24)
    np.testing.assert_array_equal(planes[1], resample(fit(colour[..., 1], s), 40, 24))


def test_to_student_keeps_the_values() -> None:
    image = scene(16, 16, 0, 255).astype(np.uint8)[np.newaxis]
    one, many = to_student(image), to_student(np.stack([image] * 3))
    assert (one.shape, many.shape) == ((1, 1, 16, 16), (3, 1, 16, 16))
    assert one.dtype == many.dtype == np.float32
    np.testing.assert_array_equal(one[0], image)
    for wrong in (image.astype(np.float32) / 255, image[0]):
        with pytest.raises(InputError) as refusal:
            to_student(wrong)
        assert refusal.value.code == "IMG-TENSOR"


def test_films_keep_their_order_and_none_is_lost(tmp_path: Path) -> None:
    paths = []
    for index in range(3):
        paths.append(tmp_path / f"{index}.jpg")
        paths[-1].write_bytes(jpeg(scene(20, 30, 0, 255, index).astype(np.uint8)))
    s = spec("pad", 16, 16)
    images = preprocess_films(paths, s, "films")
    assert images.shape == (3, 1, 16, 16)
    for image, path in zip(images, paths, strict=True):
        np.testing.assert_array_equal(image, preprocess(path, s))
    assert preprocess_films([], s, "films").shape == (0, 1, 16, 16)
    paths[1].write_bytes(b"GIF89a")
    with pytest.raises(InputError, match=r"1\.jpg"):
        preprocess_films(paths, s, "films")
