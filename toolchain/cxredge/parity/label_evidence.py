"""Evidence of one artifact: what its logits and the reference's come to."""

from __future__ import annotations

from cxredge.evidence import Evidence
from cxredge.parity.decisions import Rule
from cxredge.parity.measures import Measures
from cxredge.parity.pairs import Pair
from cxredge.parity.subgroups import subgroups


def examine(artifact: str, artifact_sha256: str, rule: Rule, evaluation: Pair, measured: Measures) -> Evidence:
    """What a person reads of one artifact: its measures, every flip, and the films in parts.

    artifact: its name, ``target/scheme``. measured: what ``measure`` found of ``evaluation``.
    """
    return Evidence(
        artifact=artifact,
        artifact_sha256=artifact_sha256,
        bootstrap=measured.bootstrap,
        labels=measured.labels,
        macro=measured.macro,
        temperature=measured.temperature,
        flips=measured.flips,
        confusion=measured.confusion,
        subgroups=subgroups(rule, evaluation, measured.flips, measured.bootstrap),
    )
