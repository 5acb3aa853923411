from __future__ import annotations

import warnings

import numpy as np
import pytest

from cxredge.errors import InputError
from cxredge.images.levels import Lut, Meaning, Window, grey_levels

RAMP = np.arange(4096).reshape(64, 64)


def byte(fraction: float) -> int:
    return int(np.floor(255 * fraction + 0.5))


def test_linear_has_the_standards_corners() -> None:
    # PS3.3 C.11.2.1.2.1, its own examples: centre 2048 width 4096 spans 0..4095; width 1 is a step
    grey = grey_levels("x", RAMP, Meaning(12, voi=Window(2048, 4096)), "stored-range").ravel()
    assert (grey[0], grey[4095]) == (0, 255)
    assert grey[1000] == byte((1000 - 2047.5) / 4095 + 0.5)
    step = grey_levels("x", RAMP, Meaning(12, voi=Window(2048, 1)), "stored-range").ravel()
    assert (step[2047], step[2048]) == (0, 255)
    narrow = grey_levels("x", RAMP, Meaning(12, voi=Window(0, 100)), "stored-range").ravel()
    assert (narrow[0], narrow[49], narrow[50]) == (byte(0.5 / 99 + 0.5), 255, 255)


def test_linear_exact_and_sigmoid() -> None:
    exact = grey_levels("x", RAMP, Meaning(12, voi=Window(2048, 1024, "LINEAR_EXACT")), "stored-range").ravel()
    assert (exact[1536], exact[1537], exact[2048], exact[2560]) == (0, byte(1 / 1024), 128, 255)
    sigmoid = grey_levels("x", RAMP, Meaning(12, voi=Window(2048, 512, "SIGMOID")), "stored-range").ravel()
    assert sigmoid[2048] == 128
    assert sigmoid[2048 + 128] == byte(1 / (1 + np.exp(-1.0)))
    assert (np.diff(sigmoid.astype(int)) >= 0).all()


def test_sigmoid_of_a_needle_neither_overflows_nor_warns() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        grey = grey_levels("x", RAMP, Meaning(12, voi=Window(2048, 1e-3, "SIGMOID")), "stored-range").ravel()
    assert (grey[2047], grey[2048], grey[2049]) == (0, 128, 255)


def test_lut_takes_its_ends_beyond_them_and_rounds_halves_up() -> None:
    lut = Lut(first=10, bits=8, entries=np.array([0, 51, 255]))
    meaning = Meaning(8, slope=0.5, voi=lut)
    grey = grey_levels("x", np.array([0, 20, 21, 22, 24, 200]), meaning, "stored-range")
    assert grey.tolist() == [0, 0, 51, 51, 255, 255]


def test_inversion_is_the_last_step() -> None:
    for voi in (None, Window(900, 700), Window(900, 700, "SIGMOID"), Lut(0, 12, np.arange(4096) ** 2 // 4112)):
        for mode in ("stored-range", "min-max"):
            plain = grey_levels("x", RAMP, Meaning(12, voi=voi), mode)
            inverted = grey_levels("x", RAMP, Meaning(12, voi=voi, inverted=True), mode)
            np.testing.assert_array_equal(inverted, 255 - plain)


def test_stored_range_is_of_the_bits_and_not_of_the_film() -> None:
    film = np.array([[100, 200]])
    assert grey_levels("x", film, Meaning(12), "stored-range").tolist() == [[byte(100 / 4095), byte(200 / 4095)]]
    signed = grey_levels("x", np.array([-2048, 0, 2047]), Meaning(12, signed=True), "stored-range")
    assert signed.tolist() == [0, byte(2048 / 4095), 255]
    falling = grey_levels("x", np.array([0, 4095]), Meaning(12, slope=-1.0), "stored-range")
    assert falling.tolist() == [255, 0]
    lut = Lut(0, 10, np.arange(256) * 3)
    assert grey_levels("x", np.array([0, 255]), Meaning(8, modality=lut), "stored-range").tolist() == [
        0,
        byte(765 / 1023),
    ]


def test_min_max_is_of_the_film() -> None:
    film = np.array([[100, 150, 200]])
    assert grey_levels("x", film, Meaning(12, slope=2.0, intercept=-7.0), "min-max").tolist() == [[0, 128, 255]]
    folded = Lut(0, 8, np.array([200, 10, 60]))  # not monotonic: the extremes are of the mapped values
    assert grey_levels("x", np.array([0, 1, 2]), Meaning(8, modality=folded), "min-max").tolist() == [
        255,
        0,
        byte(50 / 190),
    ]


def test_min_max_leaves_a_window_alone() -> None:
    meaning = Meaning(12, voi=Window(2048, 4096))
    film = RAMP[20:30]
    np.testing.assert_array_equal(
        grey_levels("x", film, meaning, "min-max"), grey_levels("x", film, meaning, "stored-range")
    )


def test_one_value_cannot_be_stretched() -> None:
    with pytest.raises(InputError) as refusal:
        grey_levels("x", np.full((3, 3), 7), Meaning(12), "min-max")
    assert refusal.value.code == "IMG-FLAT"
    assert (grey_levels("x", np.full((3, 3), 7), Meaning(8), "stored-range") == 7).all()


def test_eight_bits_keep_their_bytes_and_overshoot_is_clamped() -> None:
    every = np.arange(256)
    np.testing.assert_array_equal(grey_levels("x", every, Meaning(8), "stored-range"), every)
    assert grey_levels("x", np.array([1023, 1024, 1500]), Meaning(10), "stored-range").tolist() == [255, 255, 255]


def test_overflow_is_refused() -> None:
    for slope, intercept in ((1e308, 0.0), (1e308, -1e308)):
        with pytest.raises(InputError) as refusal:
            grey_levels("x", RAMP, Meaning(12, slope=slope, intercept=intercept), "stored-range")
        assert refusal.value.code == "IMG-NAN"
