"""What an original takes: its normalisation and size, by what the person says, or else its checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from pydantic import ValidationError

from cxredge.errors import InputError, counted, nearest
from cxredge.importing.facts import Facts
from cxredge.importing.plan import Wanted
from cxredge.recipe_input import InputSpec
from cxredge.recipe_student import Normalise
from cxredge.strict_json import first_fault
from cxredge.vocabulary import Frozen

T = TypeVar("T", bound=Frozen)

PRESETS = {
    "imagenet": Normalise(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)),
    "inception": Normalise(mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)),
    "unit": Normalise(),
    "levels": Normalise(range=(0.0, 255.0)),
    "xrv": Normalise(range=(-1024.0, 1024.0)),
}
"""By the names that people know: torchvision's ImageNet constants; -1 to 1; 0 to 1; the levels themselves;
torchxrayvision's -1024 to 1024."""
KEYS = ("range", "mean", "std")


def parsed(preset: str | None, said: Sequence[str]) -> Normalise | None:
    """``--normalise`` and ``--input`` as data; None where neither is said.

    said: ``range=-1024..1024``, ``mean=0.5,0.5,0.5``, ``std=...``. Raises InputError IMPORT-INPUT.
    """
    if preset is not None and preset not in PRESETS:
        raise _refuse(f"no normalisation is called {preset}", nearest(preset, PRESETS))
    if preset is None and not said:
        return None
    found = PRESETS[preset or "unit"].model_dump()
    for text in said:
        key, _, value = text.partition("=")
        if key not in KEYS:
            raise _refuse(f"--input {text} says nothing that is known", nearest(key, KEYS))
        found[key] = _numbers(text, value.split("..") if key == "range" else value.split(","))
        if key == "range" and len(found[key]) != 2:
            raise _refuse(f"--input {text}: a range has two ends, as in range=-1024..1024")
    return _record(Normalise, found, "the normalisation")


def resolved(wanted: Wanted, facts: Facts, channels: int, size: tuple[int, int]) -> tuple[InputSpec, Normalise]:
    """The input spec and the normalisation of an original that takes ``channels`` of ``size``.

    Raises InputError IMPORT-INPUT: nobody says the normalisation, or it is not of this original.
    """
    if channels not in (1, 3):
        raise _refuse(f"the original takes {counted(channels, 'channel')}, and films have 1 or 3")
    if wanted.colour and channels != 3:
        raise _refuse("--colour is for originals of three channels, and this one takes one")
    normalise = wanted.normalise or _by_facts(facts)
    if normalise is None:
        raise InputError(
            "IMPORT-NORMALISE",
            "nobody says what the original makes of grey levels before its first layer, and it is not guessed",
            "say --normalise, or --input range=LOW..HIGH with --input mean=... --input std=...",
            PRESETS,
        )
    if len(normalise.mean) not in (0, channels):
        if len(set(normalise.mean)) == len(set(normalise.std)) == 1 or (len(normalise.mean) == 1 and channels == 3):
            normalise = _spread(normalise, channels)
        else:
            raise _refuse(
                f"mean and std have {counted(len(normalise.mean), 'number')}, and the original takes "
                f"{counted(channels, 'channel')}"
            )
    grey = not wanted.colour
    sides = {"channels": 1 if grey else 3, "height": size[0], "width": size[1], "fit": wanted.fit or "squash"}
    repeat = 3 if grey and channels == 3 else 1
    return (
        _record(InputSpec, sides, "the input"),
        _record(Normalise, {**normalise.model_dump(), "repeat": repeat}, "the normalisation"),
    )


def _spread(normalise: Normalise, channels: int) -> Normalise:
    """The same numbers for another count of channels: they are equal, so nothing is chosen."""
    return normalise.model_copy(update={"mean": normalise.mean[:1] * channels, "std": normalise.std[:1] * channels})


def _by_facts(facts: Facts) -> Normalise | None:
    """What the checkpoint says: mean and std of values from 0 to 1 (timm), or a range of values (MONAI)."""
    if facts.mean is not None and facts.std is not None:
        return _record(Normalise, {"mean": facts.mean, "std": facts.std}, "the checkpoint's normalisation")
    if facts.value_range is not None:
        return _record(Normalise, {"range": facts.value_range}, "the checkpoint's normalisation")
    return None


def _record(kind: type[T], fields: dict[str, Any], what: str) -> T:
    """The record of these fields. Raises InputError IMPORT-INPUT."""
    try:
        return kind.model_validate(fields)
    except ValidationError as error:
        place, words = first_fault(error)
        raise _refuse(
            f"{what} is none: {f'{place}: ' if place else ''}{words.removeprefix('Value error, ')}"
        ) from error


def _numbers(text: str, parts: Sequence[str]) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in parts)
    except ValueError as error:
        raise _refuse(f"--input {text} holds something else than numbers") from error


def _refuse(cause: str, choices: Sequence[str] = ()) -> InputError:
    return InputError("IMPORT-INPUT", cause, "say what the original was trained on", choices)
