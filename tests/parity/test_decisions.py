from __future__ import annotations

import numpy as np

from cxredge.parity.decisions import ups_and_downs
from cxredge.parity.pairs import Pair
from parity.synthetic import LABELS, Facts, independent, pair


def test_every_flip_is_listed_and_counted() -> None:
    rule = independent([0, 0.5, 1])
    cut = rule.cut
    whole = pair(300, error=0.5)
    found = rule.flips(whole)
    before, after = rule.call(whole.reference), rule.call(whole.artifact)
    assert len(found) == (before != after).sum() > 20
    counted = ups_and_downs(before, after, LABELS)
    for name in LABELS:
        own = [flip for flip in found if flip.label == name]
        assert (sum(f.up for f in own), sum(not f.up for f in own)) == counted[name]
        assert [f.film for f in own] == sorted((f.film for f in own), key=lambda x: int(x[6:-4]))
    for flip in found:
        film, label = int(flip.film[6:-4]), LABELS.index(flip.label)
        assert (flip.reference, flip.artifact) == (whole.reference[film, label], whole.artifact[film, label])
        assert flip.truth == whole.truth[film, label]
        assert flip.patient == whole.patients[film]
        assert flip.threshold == cut[label]
        assert flip.up == (flip.artifact >= flip.threshold > flip.reference)


def test_a_flip_from_afar_is_not_explained() -> None:
    # 100 films with an error of 0.1; the 101st film is near to the threshold, the 102nd is not
    reference = np.concatenate([np.full(100, 3), [-0.05, -0.5]]).astype(np.float32)[:, None]
    artifact = np.concatenate([np.full(100, 3.1), [0.05, 2]]).astype(np.float32)[:, None]
    facts = [Facts(f"{i}", f"p{i}", np.ones(1, np.float32)) for i in range(102)]
    near, far = independent([0], ("Effusion",)).flips(Pair(facts, reference, artifact))
    assert (near.film, near.explained) == ("100", True)
    assert (far.film, far.explained) == ("101", False)


def test_equal_logits_do_not_flip() -> None:
    same = pair(50, error=0)
    assert independent(same.reference[7]).flips(same) == ()
