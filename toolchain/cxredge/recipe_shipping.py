"""The recipe's part on passing weights on: whether that is allowed, and from which films weights may be passed on."""

from __future__ import annotations

from typing import Literal

from cxredge.vocabulary import Frozen, Text

SHIPPED = ("open", "nih-free-use", "authorized-for-everyone")
"""Licence classes of films from which weights that ship may learn."""
NO_LICENCE = "none: the weights may not be passed on"
"""In place of a licence; manifest, card and apps show it."""


def reasoned(said: object) -> object:
    """``ship`` as it is written; ``false`` alone raises ValueError."""
    if isinstance(said, bool):
        raise ValueError("write {allowed: false, why: ...}, or leave ship out: weights may then be passed on")
    return said


class Shipping(Frozen):
    """Said of weights that nobody may pass on: everybody makes their own. They are signed for development alone."""

    allowed: Literal[False]
    why: Text
    """For example that the licence of the films does not allow it."""
