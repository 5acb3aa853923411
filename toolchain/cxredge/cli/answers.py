"""What commands answer with ``--json`` that have no record of their own to print; docs/json.md has a line on each."""

from __future__ import annotations

from cxredge.distill.record import QualityScore
from cxredge.recipe_decision import Labels, Margin, Novelty, OperatingPoint, Quality
from cxredge.vocabulary import Frozen, Label


class KeyPair(Frozen):
    """``keygen``: files of a new pair, and the public key's fingerprint."""

    private: str
    public: str
    fingerprint: str
    development: bool


class Signature(Frozen):
    """``sign``: what was signed, and with which key."""

    bundle: str
    fingerprint: str
    development: bool


class Signer(Frozen):
    """``verify-signature``: whose signature holds. key: the file of the public key."""

    bundle: str
    version: str
    key: str
    fingerprint: str
    development: bool


class SameBytes(Frozen):
    """``rebuild-check``: one bundle that both builds gave, byte for byte."""

    bundle: str
    kind: str
    files: int
    bytes: int


class Chosen(Frozen):
    """``thresholds``: what was written into the recipe."""

    recipe: str
    operating_points: dict[Label, OperatingPoint]
    least_margin: Margin | None
    novelty: Novelty | None
    quality: Quality | None


class HeadFitted(Frozen):
    """``quality``: thresholds that were written into the recipe, and what the head finds of test films."""

    recipe: str
    thresholds: Quality
    score: QualityScore


class SplitSize(Frozen):
    """One split. positives: films by label."""

    films: int
    patients: int
    positives: dict[str, int]


class Started(Frozen):
    """``init``: the recipe that was written, and what the table says."""

    recipe: str
    labels: Labels
    left_out: tuple[str, ...]
    uncertain: dict[str, int]
    """By label the train films that are uncertain of it: until the recipe says labels.uncertain they are refused."""
    unlabelled: dict[str, int]
    """By label the train films whose cell is empty: as above, by labels.unlabelled."""
    splits: dict[str, SplitSize]
    calibration: int
    """Films of val that a build asks for."""


class PhantomFolder(Frozen):
    """``phantom``: the folder that was written."""

    folder: str
    films: int
    patients: int


class ImportedRecipe(Frozen):
    """``import``: the folder that was written; its import.json has the proof."""

    recipe: str
    network: str
    parameters: int
    heatmap: str
    films: int
    max_abs: float
    decisions: int
    flips: int
    standing: str
    """Of the student against chance: better, not-better or unknown, as in ``verify --json``."""
    quality: QualityScore | None
    """How many test films that were made to look held or exported wrongly the student finds; null: no such output."""
