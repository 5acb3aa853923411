"""The films that a recipe names: a folder of somebody's, or phantoms, and those on which artifacts are judged."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from cxredge.vocabulary import MAX_PATIENTS, AbsentIf, Frozen, Sparse


class FolderData(Sparse):
    """A folder with ``labels.csv`` under ``CXR_DATA`` (default ``../shared/data``)."""

    source: Literal["folder"]
    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,79}$")]
    label_column: str | None = None
    """The column that names each film's class. Without it every label has a 0/1 column, as independent findings do."""
    leave_out: Annotated[tuple[str, ...], AbsentIf(lambda files: not files)] = ()
    """Films that are not used, by their place in the set: one of two, for example, that are one picture."""


class PhantomData(Frozen):
    """Synthetic chest radiographs, made from a seed. Their scores say nothing about people."""

    source: Literal["phantom"]
    seed: int = Field(ge=0, lt=2**31)
    patients: dict[Literal["train", "val", "test"], Annotated[int, Field(ge=0, le=MAX_PATIENTS)]]
    """Phantom patients per split; each has one to four films."""


class Evaluation(Sparse):
    """Films on which artifacts are held against the reference."""

    split: Literal["train", "val", "test"] = "test"
    count: int | None = Field(default=None, ge=1)
    """Films to use, in the order of ``labels.csv``; none means all. More than there are is an error."""
    chance: Annotated[Literal["judged", "allowed"], AbsentIf(lambda said: said == "judged")] = "judged"
    """``judged``: a student that is no better than chance on these films, or of which that cannot be told, keeps no
    gates. ``allowed``: it may be built all the same, for a test of the way and not of the student."""
