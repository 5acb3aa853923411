"""The original's own preprocessing: a transform of torchvision or timm, or a person's own code."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxredge.errors import InputError, alike, printable, raised
from cxredge.importing.user_code import called

if TYPE_CHECKING:
    from torch import Tensor

    from cxredge.images.film_file import FilmFile
    from cxredge.recipe_input import InputSpec

TORCHVISION, TIMM = "torchvision/", "timm/"
FIX = "name torchvision/<network>, timm/<network>, or FILE:FACTORY that gives what turns a PIL image into a tensor"


class Transform:
    """A PIL image -> normalised float32[c, H, W], as the original's owner did it. words: what it is.

    Raises InputError IMPORT-TRANSFORM (none is known by that name) or IMPORT-CODE.
    """

    def __init__(self, words: str, channels: int, size: tuple[int, int]) -> None:
        self.words = words
        self._mode = "RGB" if channels == 3 else "L"
        self._shape = (channels, *size)
        self._apply = _transform(words)

    def of(self, film: FilmFile, spec: InputSpec) -> Tensor:
        """One film, decoded as ours are, then prepared by the transform.

        Raises InputError IMPORT-TRANSFORM: it fails, is random, or gives another shape than the original takes.
        """
        import torch
        from PIL import Image

        from cxredge.images.read import read_film

        picture = Image.fromarray(read_film(film, spec)).convert(self._mode)
        first, again = self._one(picture), self._one(picture)
        if tuple(first.shape) != self._shape:
            raise _refuse(
                f"{self.words} gives {list(first.shape)}, and the original was exported for {list(self._shape)}"
            )
        if not torch.equal(first, again):
            raise _refuse(f"{self.words} gives another tensor of the same film the second time: it is random")
        return first

    def _one(self, picture: Any) -> Tensor:
        import torch

        try:
            found = torch.as_tensor(self._apply(picture))
        except Exception as error:
            raise _refuse(f"{self.words} fails: {raised(error)}") from error
        return found.float()


def _transform(words: str) -> Callable[[Any], Any]:
    if words.startswith(TORCHVISION):
        from torchvision import models

        name = words.removeprefix(TORCHVISION)
        if name not in models.list_models(module=models):
            raise _refuse(f"no transform is called {printable(words)}", models.list_models(module=models), words)
        made: Callable[[Any], Any] = models.get_model_weights(name).DEFAULT.transforms()
        return made
    if words.startswith(TIMM):
        import timm
        from timm.data import create_transform, resolve_data_config

        name = words.removeprefix(TIMM)
        if not timm.is_model(name):
            raise _refuse(f"no transform is called {printable(words)}", timm.list_models(), words)
        settings = timm.get_pretrained_cfg(name)
        config = resolve_data_config({}, pretrained_cfg=settings.to_dict() if settings else {})
        timms: Callable[[Any], Any] = create_transform(**config, is_training=False)
        return timms
    file, _, factory = words.rpartition(":")
    if not file:
        raise _refuse(f"no transform is called {printable(words)}")
    found = called(Path(file), factory)
    if not callable(found):
        raise _refuse(f"{printable(factory)} gives a {type(found).__name__}, which cannot be called with an image")
    return found


def _refuse(cause: str, known: list[str] | None = None, word: str = "") -> InputError:
    kind, _, name = word.partition("/")
    choices = [f"{kind}/{k}" for k in alike(name, known or [])]
    return InputError("IMPORT-TRANSFORM", cause, FIX, choices)
