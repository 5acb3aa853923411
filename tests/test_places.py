"""No output is put over an input, whatever they are called."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cxredge.errors import InputError
from cxredge.places import check_outputs


@pytest.fixture
def there(tmp_path: Path) -> Path:
    """``set/films/film.png``, by several names, and things beside it."""
    (tmp_path / "set" / "films").mkdir(parents=True)
    (tmp_path / "out").mkdir()
    film = tmp_path / "set" / "films" / "film.png"
    film.write_text("film")
    os.link(film, tmp_path / "hard.png")
    (tmp_path / "soft.png").symlink_to(film)
    (tmp_path / "softer.png").symlink_to("soft.png")
    (tmp_path / "folder").symlink_to("set", target_is_directory=True)
    (tmp_path / "apart.png").write_text("another")
    return tmp_path


FILM = ["set/films/film.png", "set/./films/../films/film.png", "folder/films/film.png", "soft.png", "softer.png"]


@pytest.mark.parametrize("given", [*FILM, "hard.png"])
@pytest.mark.parametrize("output", [*FILM, "hard.png", "set/films", "set/", "folder", ".", "out/..", "set/films/."])
def test_an_output_over_an_input_or_around_it(there: Path, given: str, output: str) -> None:
    around = not output.endswith(".png")
    if around and given == "hard.png" and output not in (".", "out/.."):
        pytest.skip("that name of the file is elsewhere")
    with pytest.raises(InputError) as caught:
        check_outputs([there / "out" / "x", there / output], [there / "apart.png", there / given])
    assert caught.value.code == "OUTPUT-IS-INPUT"


@pytest.mark.parametrize("given", ["set", "folder", "set/films/.."])
@pytest.mark.parametrize("output", ["set/films/new.png", "folder/new", "set/new/deep/er.png", "soft.png"])
def test_an_output_into_a_folder_that_is_read(there: Path, given: str, output: str) -> None:
    with pytest.raises(InputError, match="OUTPUT-IS-INPUT"):
        check_outputs([there / output], [there / given])


def test_a_link_in_a_folder_that_is_read_is_a_part_of_it(there: Path) -> None:
    """Replacing it would change the folder, wherever it leads."""
    (there / "set" / "link.png").symlink_to(there / "apart.png")
    with pytest.raises(InputError, match="OUTPUT-IS-INPUT"):
        check_outputs([there / "set" / "link.png"], [there / "set"])


def test_relative_and_absolute_names_are_the_same(there: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(there / "set")
    for output in (Path("films/film.png"), Path("../soft.png"), Path("."), Path("..")):
        with pytest.raises(InputError, match="OUTPUT-IS-INPUT"):
            check_outputs([output], [there / "set" / "films" / "film.png"])


def test_what_is_apart_is_written(there: Path) -> None:
    given = [there / "set", there / "apart.png", there / "none"]
    check_outputs(
        [there / name for name in ("out", "settle", "set.png", "none.png", "new/deep/er", "hard2.png")], given
    )
    check_outputs([there / "set" / "new.png"], [there / "set" / "films" / "film.png"])


@pytest.mark.parametrize(("one", "two"), [("a", "a"), ("a", "a/b"), ("a/b/c", "a"), ("out/x", "out/../out/x")])
def test_two_outputs_at_one_place(there: Path, one: str, two: str) -> None:
    with pytest.raises(InputError) as caught:
        check_outputs([there / one, there / "c", there / two], [])
    assert caught.value.code == "OUTPUT-TWICE"


@pytest.mark.parametrize("output", ["apart.png/x", "apart.png/x/y", "n" * 300, "nul\0"])
def test_what_cannot_be_written_is_said_before_anything_else(there: Path, output: str) -> None:
    with pytest.raises(InputError, match="PATH-WRITE"):
        check_outputs([there / output], [])
