"""Folds of films: whole patients, with as like shares of each label as can be had."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cxredge.data.patients import key as patient_key

if TYPE_CHECKING:
    from cxredge.data.film import Film


def owners(films: Sequence[Film]) -> NDArray[np.intp]:
    """int[N]: films of one owner stay together, those of one patient and those that are the same bytes.

    However a patient's name is written; the bytes as far as SHA256SUMS tells them.
    """
    above, home = list(range(len(films))), dict[object, int]()

    def top(at: int) -> int:
        while above[at] != at:
            at = above[at]
        return at

    for at, film in enumerate(films):
        for key in (patient_key(film.patient), film.expected_sha256):
            if key is not None:
                above[top(at)] = top(home.setdefault(key, at))
    return np.unique([top(at) for at in range(len(films))], return_inverse=True)[1]


def patient_folds(positive: NDArray[np.bool_], owner: NDArray[np.intp], folds: int, seed: int) -> NDArray[np.intp]:
    """positive bool[N, C], owner int[N] of 0..G-1 -> each film's fold, int[N] of 0..folds-1. The same for one seed.

    Owners are dealt in turn, those with most of what is rare first, and among equals by lot; each goes to the fold that
    has least of what the owner brings. It brings films, and positives of each label, as shares of all there are.
    """
    brought = np.column_stack([np.ones(len(owner)), positive.astype(np.float64)])
    shares = np.zeros((int(owner.max()) + 1, brought.shape[1]))
    np.add.at(shares, owner, brought)
    shares /= np.maximum(shares.sum(0), 1)
    lot = np.random.default_rng(seed).permutation(len(shares))
    order = lot[np.argsort(-shares[lot].sum(1), kind="stable")]
    held, home = np.zeros((folds, shares.shape[1])), np.zeros(len(shares), np.intp)
    for one in order:
        # what a fold's sum of squares would grow by is 2 held @ share and what is the same for all folds
        home[one] = fold = int(np.lexsort((held[:, 0], held @ shares[one]))[0])
        held[fold] += shares[one]
    return home[owner]
