"""How well the novelty score tells pictures of other kinds from the evaluation films, before and after lowering."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cxredge.data.out_of_distribution import WORDS, OodFilms
from cxredge.evidence import StrangerEvidence
from cxredge.parity.paired import BOOTSTRAP, novelty_auc
from cxredge.parity.pairs import Both
from cxredge.results import BootstrapSpec

ALL = "all"


def novelty_evidence(
    films: Both,
    patients: Sequence[str],
    strange: Both,
    listed: OodFilms,
    threshold: float,
    bootstrap: BootstrapSpec = BOOTSTRAP,
) -> tuple[StrangerEvidence, ...]:
    """One record a kind, in the order of the list, then one for all kinds together.

    films: novelty float32[N] of the evaluation films, whose ``patients`` are given; strange: novelty float32[M] of the
    pictures in ``listed``. A picture is flagged above ``threshold``, as in the apps. Such pictures count as positives.
    """
    kind_of = np.array([picture.kind for picture in listed.pictures])
    rows = {kind: np.flatnonzero(kind_of == kind) for kind in listed.kinds}
    rows[ALL] = np.arange(len(kind_of))
    found = []
    for kind, chosen in rows.items():
        part = strange.part(chosen)
        owners = [*patients, *(listed.pictures[i].group for i in chosen)]
        found.append(
            StrangerEvidence(
                kind=kind,
                what=WORDS.get(kind, "all kinds together"),
                pictures=len(chosen),
                auc=novelty_auc(films, part, owners, bootstrap),
                flagged_reference=_flagged(part.reference, threshold),
                flagged_artifact=_flagged(part.artifact, threshold),
            )
        )
    return tuple(found)


def _flagged(novelty: NDArray[np.float32], threshold: float) -> float:
    return float((novelty.astype(np.float64) > threshold).mean())
