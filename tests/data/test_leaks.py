from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from cxredge.data.film import Film
from cxredge.data.leaks import FilmLeaks
from cxredge.stages import Cache


def films(folder: Path) -> list[Film]:
    """Twelve smooth random pictures, one to each patient, the last a brighter and smaller copy of the first."""
    random = np.random.default_rng(0)
    pictures = [
        Image.fromarray(random.integers(0, 256, (96, 96), dtype=np.uint8)).filter(ImageFilter.GaussianBlur(4))
        for _ in range(11)
    ]
    pictures.append(pictures[0].resize((80, 80)).point(lambda level: min(255, level + 10)))
    found = []
    for at, picture in enumerate(pictures):
        path = folder / f"{at}.png"
        picture.save(path)
        split = "test" if at == 11 else "train"
        found.append(Film(path.name, path, f"p{at}", split, np.zeros(1, np.float32)))
    return found


def test_a_copy_in_another_split_is_found_once_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = films(tmp_path)
    (leak,) = FilmLeaks(listed).read(Cache(tmp_path / "cache"))
    assert (leak.one, leak.other) == ("0.png", "11.png")
    assert leak.correlation > 0.975

    def again(*_: object) -> None:
        raise AssertionError("looked at again")

    monkeypatch.setattr("cxredge.data.film_facts.film_facts", again)
    assert FilmLeaks(listed).read(Cache(tmp_path / "cache")) == (leak,)


def test_copies_of_one_split_do_not_leak(tmp_path: Path) -> None:
    listed = [Film(film.file, film.path, film.patient, "train", film.targets) for film in films(tmp_path)]
    assert FilmLeaks(listed).read(Cache(tmp_path / "cache")) == ()
