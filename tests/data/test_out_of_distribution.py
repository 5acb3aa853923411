"""Out-of-distribution films: what they are, that the choice repeats, and the real ones where the data sets are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cxredge.data import out_of_distribution
from cxredge.data.data_sets import open_data
from cxredge.data.film import Film
from cxredge.data.out_of_distribution import PER_KIND, WORDS, make_ood_films, ood_sets
from cxredge.errors import InputError
from cxredge.files import sha256_bytes
from cxredge.images.preprocess import preprocess
from cxredge.recipe_data import PhantomData
from cxredge.recipe_decision import Labels
from cxredge.recipe_input import InputSpec

SPEC = InputSpec(height=64, width=64, fit="pad")
ALWAYS = ("white-noise", "pink-noise", "blank", "inverted", "quarter-turn", "upside-down", "corner")


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> tuple[Film, ...]:
    data = PhantomData(source="phantom", seed=3, patients={"train": 1, "val": 1, "test": 3})
    return open_data(data, Labels(names=("Nodule",)), tmp_path_factory.mktemp("phantoms")).films("test")


def test_without_data_sets(films: tuple[Film, ...]) -> None:
    listed, pixels = make_ood_films(films, {}, SPEC)
    assert listed.kinds == ALWAYS
    counts = [sum(p.kind == kind for p in listed.pictures) for kind in ALWAYS]
    assert counts == [PER_KIND] * 3 + [len(films)] * 4, "no more films than there are"
    assert pixels.shape == (sum(counts), 1, 64, 64)
    assert pixels.dtype == np.uint8
    assert [p.sha256 for p in listed.pictures] == [sha256_bytes(p.tobytes()) for p in pixels]
    assert len({p.sha256 for p in listed.pictures}) == len(pixels), "no picture twice"
    again, same = make_ood_films(tuple(reversed(films)), {}, SPEC)
    assert again == listed, "the order of the films does not matter"
    np.testing.assert_array_equal(same, pixels)


def test_changed_films_are_what_they_are_called(films: tuple[Film, ...]) -> None:
    listed, pixels = make_ood_films(films, {}, SPEC)
    plain = {film.file: (film, preprocess(film.path, SPEC)[0].astype(int)) for film in films}
    seen = set()
    for picture, planes in zip(listed.pictures, pixels, strict=True):
        if ", " not in picture.name:
            continue
        (film, expected), made = plain[picture.name.split(", ")[0]], planes[0].astype(int)
        assert picture.group == film.patient
        turned = {
            "inverted": [255 - expected],
            "upside-down": [np.rot90(expected, 2)],
            "quarter-turn": [np.rot90(expected), np.rot90(expected, 3)],
        }
        seen.add(picture.kind)
        if picture.kind in turned:  # the resize rounds a level up or down
            assert min(np.abs(made - t).max() for t in turned[picture.kind]) <= 1, picture.name
    assert seen == set(ALWAYS[3:])


def test_corners_are_quarters_in_turn() -> None:
    film = np.arange(5 * 7, dtype=np.uint8).reshape(5, 7)
    quarters = [out_of_distribution._corner(film, i) for i in range(5)]
    for quarter, expected in zip(quarters, (film[:2, :3], film[:2, 4:], film[3:, :3], film[3:, 4:]), strict=False):
        np.testing.assert_array_equal(quarter, expected)
    np.testing.assert_array_equal(quarters[4], quarters[0])


def test_noise_has_its_spectrum(films: tuple[Film, ...]) -> None:
    listed, pixels = make_ood_films(films[:1], {}, SPEC)
    slopes = {}
    for kind in ("white-noise", "pink-noise"):
        chosen = [i for i, p in enumerate(listed.pictures) if p.kind == kind]
        power = (np.abs(np.fft.fft2(pixels[chosen, 0] - pixels[chosen, 0].mean())) ** 2).mean(0)
        frequency = np.hypot(np.fft.fftfreq(64)[:, None], np.fft.fftfreq(64)[None, :])
        band = (frequency > 0.03) & (frequency < 0.3)
        slopes[kind] = np.polyfit(np.log(frequency[band]), np.log(power[band]), 1)[0]
    assert slopes["white-noise"] == pytest.approx(0, abs=0.1)
    assert slopes["pink-noise"] == pytest.approx(-2, abs=0.2)
    blanks = [pixels[i] for i, p in enumerate(listed.pictures) if p.kind == "blank"]
    assert [int(b.min()) for b in blanks] == [int(b.max()) for b in blanks]
    assert (blanks[0].max(), blanks[-1].min()) == (0, 255)


def test_real_ones(films: tuple[Film, ...], cxr_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXR_DATA", str(cxr_data))
    sets = ood_sets("cxr_multilabel")
    assert set(sets) == {"ct", "cells", "dicom"}
    oblong = InputSpec(height=48, width=64, fit="crop")
    listed, pixels = make_ood_films(films, sets, oblong)
    assert listed.kinds == tuple(WORDS)
    assert pixels.shape == (len(listed.pictures), 1, 48, 64)
    of = {kind: [p for p in listed.pictures if p.kind == kind] for kind in WORDS}
    assert len(of["ct"]) == len(of["cells"]) == PER_KIND
    assert len({p.group for p in of["ct"]}) >= 10, "enough slice blocks for an interval"
    names = " ".join(p.name for p in of["dicom"])
    # the leg lies there six times, the hip three times, MR and the test pattern twice: once each is enough
    # and the CT slice has no window, so that the reader refuses it as flat
    assert [names.count(part) for part in ("_rg3_", "_rg2_", "/mr_", "/ct_", "cspine", "tiny16")] == [1, 1, 1, 0, 0, 1]
    assert len(of["dicom"]) == 6
    assert "mono2_jpegbaseline8" not in names, "a frontal chest film is no stranger"
    assert "_rg1_" not in names
    assert all(pixels[i].std() > 0 for i, p in enumerate(listed.pictures) if p.kind in ("ct", "cells"))


def test_the_recipes_own_set_is_no_stranger(cxr_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXR_DATA", str(cxr_data))
    assert set(ood_sets("ct_covid")) == {"cells", "dicom"}
    assert set(ood_sets("malaria")) == {"ct", "dicom"}


def test_a_data_root_that_is_not_there_is_not_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXR_DATA", str(tmp_path / "none"))
    with pytest.raises(InputError) as refusal:
        ood_sets("cxr_multilabel")
    assert refusal.value.code == "DATA-MISSING"
    monkeypatch.setenv("CXR_DATA", str(tmp_path))
    assert ood_sets("cxr_multilabel") == {}


def test_recipes_of_colour_pictures(cxr_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXR_DATA", str(cxr_data))
    cells = sorted((cxr_data / "malaria" / "images").iterdir())[:2]
    films = [Film(p.name, p, p.stem, "test", np.zeros(1, np.float32)) for p in cells]
    listed, pixels = make_ood_films(films, ood_sets("malaria"), SPEC.model_copy(update={"channels": 3}))
    assert pixels.shape == (len(listed.pictures), 3, 64, 64)
    grey = [i for i, p in enumerate(listed.pictures) if p.kind in ("ct", "dicom", "white-noise")]
    assert (pixels[grey] == pixels[grey][:, :1]).all()
    assert not (pixels == pixels[:, :1]).all()
