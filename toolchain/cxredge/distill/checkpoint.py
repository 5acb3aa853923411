"""Checkpoints: the whole state of a training between two steps, written so that a kill leaves the last one whole."""

from __future__ import annotations

import io
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from cxredge.errors import InputError
from cxredge.files import canonical_json, sha256_bytes, write_bytes
from cxredge.path_errors import shown
from cxredge.recipe import Recipe
from cxredge.recipe_distillation import Role
from cxredge.recipe_training import teaching

MARK = b"cxredge checkpoint 1, SHA-256 "
"""Begins the file's first line; the hash is of all behind that line. PyTorch's own format notices few flipped bits."""


@dataclass(frozen=True)
class CheckpointFile:
    """One training's checkpoint; ``configuration`` is the fingerprint of everything that decides its course."""

    path: Path
    configuration: str

    def save(self, state: dict[str, Any]) -> None:
        """Write ``state`` (tensors, numbers, strings, lists and mappings only) atomically.

        Raises what ``write_bytes`` raises (a full disk); the last checkpoint then stays.
        """
        stream = io.BytesIO()
        torch.save({"configuration": self.configuration, **state}, stream)
        data = stream.getvalue()
        write_bytes(self.path, b"".join((MARK, sha256_bytes(data).encode(), b"\n", data)))

    def load(self) -> dict[str, Any] | None:
        """The last state, or None where there is none yet. Raises as ``parse`` does."""
        data = self.read()
        return None if data is None else self.parse(data)

    def read(self) -> bytes | None:
        """The file's bytes; None where there is none yet."""
        return self.path.read_bytes() if self.path.is_file() else None

    def parse(self, data: bytes) -> dict[str, Any]:
        """The state that ``data`` holds. Nothing but tensors and plain values is unpickled.

        Raises InputError DISTILL-CHECKPOINT: another configuration's checkpoint, a damaged one, or none at all.
        """
        head, _, rest = data.partition(b"\n")
        if not head.startswith(MARK):
            raise self._refuse("is not a checkpoint of this program")
        if head[len(MARK) :] != sha256_bytes(rest).encode():
            raise self._refuse("is damaged: its content has not the SHA-256 that it says")
        try:
            state: dict[str, Any] = torch.load(io.BytesIO(rest), weights_only=True, map_location="cpu")
            configuration = state.pop("configuration")
        except (pickle.UnpicklingError, RuntimeError, EOFError, KeyError, AttributeError, ValueError) as error:
            raise self._refuse("is not a checkpoint of this program") from error
        if configuration != self.configuration:
            raise self._refuse("belongs to another configuration (the recipe or the thread count has changed)")
        return state

    def come(self) -> tuple[int, int]:
        """Whole epochs in it, and steps of the next; (0, 0) where there is none, or none to go on from."""
        try:
            state = self.load()
        except InputError:
            return 0, 0
        return (0, 0) if state is None else (len(state["history"]), int(state["step"]))

    def _refuse(self, why: str) -> InputError:
        return InputError(
            "DISTILL-CHECKPOINT",
            f"{shown(self.path)} {why}",
            "restore what it was made with; or delete it, and its training alone starts over; or train everything anew "
            "with --fresh",
            ["--fresh"],
        )


def fingerprint(recipe: Recipe, threads: int, role: Role) -> str:
    """SHA-256 of the parts of the recipe that decide a role's training, and of the number of threads.

    The number of threads decides the order of float sums, hence the last bits. How many processes share a step does
    not count: a training may go on with more of them, or fewer.
    """
    return sha256_bytes(canonical_json({**teaching(recipe, role), "threads": threads}).encode())
