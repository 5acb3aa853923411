"""What an original takes: said by hand, said by the checkpoint, or not said, and then not guessed."""

from __future__ import annotations

from typing import Any

import pytest

from cxredge.errors import InputError
from cxredge.importing.facts import Facts
from cxredge.importing.input import PRESETS, parsed, resolved
from cxredge.importing.plan import Wanted
from cxredge.recipe_student import Normalise


def refused(do: Any, *given: Any) -> InputError:
    with pytest.raises(InputError) as caught:
        do(*given)
    return caught.value


def test_nothing_is_said() -> None:
    assert parsed(None, ()) is None
    error = refused(resolved, Wanted(), Facts(), 3, (16, 16))
    assert (error.code, "it is not guessed" in error.cause) == ("IMPORT-NORMALISE", True)
    assert set(error.choices) == set(PRESETS)


@pytest.mark.parametrize(
    ("preset", "said", "wanted"),
    [
        ("imagenet", (), PRESETS["imagenet"]),
        (None, ("range=-1024..1024",), PRESETS["xrv"]),
        (None, ("mean=0.5,0.5,0.5", "std=0.5,0.5,0.5"), PRESETS["inception"]),
        ("levels", ("mean=120", "std=60"), Normalise(range=(0, 255), mean=(120.0,), std=(60.0,))),
        ("imagenet", ("range=0..255",), PRESETS["imagenet"].model_copy(update={"range": (0.0, 255.0)})),
    ],
)
def test_what_is_said(preset: str | None, said: tuple[str, ...], wanted: Normalise) -> None:
    assert parsed(preset, said) == wanted


@pytest.mark.parametrize(
    ("preset", "said", "words"),
    [
        ("imagnet", (), "no normalisation is called imagnet"),
        (None, ("scale=2",), "--input scale=2 says nothing that is known"),
        (None, ("range=1",), "a range has two ends"),
        (None, ("range=a..b",), "something else than numbers"),
        (None, ("range=1..1",), "range must span something"),
        (None, ("mean=0.5",), "mean and std must both have"),
        (None, ("mean=1,2", "std=1,1"), "mean and std must both have"),
        (None, ("mean=0.5", "std=0"), "greater than 0"),
        (None, ("mean=nan", "std=1"), "the normalisation is none"),
        (None, ("range=0..1e99",), "the normalisation is none"),
    ],
)
def test_what_is_no_normalisation(preset: str | None, said: tuple[str, ...], words: str) -> None:
    error = refused(parsed, preset, said)
    assert error.code == "IMPORT-INPUT"
    assert words in error.cause
    assert "\n" not in error.cause


def test_a_name_that_is_nearly_one() -> None:
    assert refused(parsed, "imagnet", ()).choices[0] == "imagenet"
    assert refused(parsed, None, ("meen=1",)).choices[0] == "mean"


@pytest.mark.parametrize(
    ("wanted", "facts", "channels", "shape", "normalise"),
    [
        ({"normalise": PRESETS["unit"]}, Facts(), 1, (1, 16, 24), Normalise()),
        ({"normalise": PRESETS["unit"]}, Facts(), 3, (1, 16, 24), Normalise(repeat=3)),
        ({"normalise": PRESETS["unit"], "colour": True}, Facts(), 3, (3, 16, 24), Normalise()),
        (
            {"normalise": PRESETS["imagenet"]},
            Facts(),
            3,
            (1, 16, 24),
            PRESETS["imagenet"].model_copy(update={"repeat": 3}),
        ),
        ({"normalise": PRESETS["inception"]}, Facts(), 1, (1, 16, 24), Normalise(mean=(0.5,), std=(0.5,))),
        (
            {"normalise": Normalise(mean=(0.5,), std=(0.2,))},
            Facts(),
            3,
            (1, 16, 24),
            Normalise(mean=(0.5,) * 3, std=(0.2,) * 3, repeat=3),
        ),
        ({}, Facts(mean=(0.4,), std=(0.2,)), 1, (1, 16, 24), Normalise(mean=(0.4,), std=(0.2,))),
        ({}, Facts(value_range=(-1.0, 1.0)), 1, (1, 16, 24), Normalise(range=(-1.0, 1.0))),
        ({"normalise": PRESETS["xrv"]}, Facts(mean=(0.4,), std=(0.2,)), 1, (1, 16, 24), PRESETS["xrv"]),
    ],
)
def test_input_and_normalisation(
    wanted: dict[str, Any], facts: Facts, channels: int, shape: tuple[int, ...], normalise: Normalise
) -> None:
    spec, found = resolved(Wanted(**wanted), facts, channels, (16, 24))
    assert (spec.channels, spec.height, spec.width, spec.fit) == (*shape, "squash")
    assert found == normalise


@pytest.mark.parametrize(
    ("wanted", "channels", "words"),
    [
        ({"normalise": PRESETS["unit"]}, 4, "takes 4 channels, and films have 1 or 3"),
        ({"normalise": PRESETS["unit"], "colour": True}, 1, "--colour is for originals of three channels"),
        ({"normalise": PRESETS["imagenet"]}, 1, "mean and std have 3 numbers, and the original takes 1 channel"),
    ],
)
def test_what_does_not_fit_the_original(wanted: dict[str, Any], channels: int, words: str) -> None:
    error = refused(resolved, Wanted(**wanted), Facts(), channels, (16, 16))
    assert (error.code, words in error.cause) == ("IMPORT-INPUT", True)


@pytest.mark.parametrize(
    ("facts", "size"),
    [(Facts(mean=(1.0, 2.0), std=(1.0, 1.0)), (16, 16)), (Facts(mean=(1.0,), std=(0.0,)), (16, 16)),
     (Facts(mean=(0.5,), std=(0.5,)), (7, 16)), (Facts(value_range=(0.0, 1.0)), (16, 4000))],
)  # fmt: skip
def test_checkpoints_that_say_what_cannot_be(facts: Facts, size: tuple[int, int]) -> None:
    assert refused(resolved, Wanted(), facts, 1, size).code == "IMPORT-INPUT"
