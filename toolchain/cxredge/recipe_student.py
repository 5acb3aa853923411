"""The recipe's part on the student: one of our architectures with its weights, or a program that was exported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Discriminator, Field, StringConstraints, Tag, model_validator

from cxredge.decision import Float32
from cxredge.errors import counted
from cxredge.vocabulary import AbsentIf, Frozen, ShortText, Sparse

Heatmap = Literal["exact", "gradient", "none"]
"""What a student's maps are: a logit is the mean of its map, and perhaps a bias; the gradient of a logit with respect
to the pooled features, times these; or there are none."""


HEADS: dict[Heatmap, str] = {"exact": "exact-CAM head", "gradient": "gradient-CAM head", "none": "head without maps"}
"""For people."""
GRADIENT_MAPS = (
    "The maps are Grad-CAM, computed forward: the gradient of a logit with respect to the pooled features, times the "
    "features. The mean of such a map is not the logit."
)
NO_MAPS = "No maps: nothing shows where in the film a finding comes from."
NO_NOVELTY = "No novelty score: a picture of anything gets an answer like any other."
NO_QUALITY = (
    "No quality output: a film that was exported or held wrongly (inverted, upside down, turned, mirrored) gets an "
    "answer like any other."
)
"""What whoever reads of such a student is told."""


@dataclass(frozen=True)
class OwnNetwork:
    """What a recipe knows of one of our own architectures by its name. one_size: its weights depend on the film's size,
    so that it takes films of no other, not even while it is trained."""

    heatmap: Heatmap
    one_size: bool = False


OWN_NETWORKS: Mapping[str, OwnNetwork] = {
    "cxredge/ct_cnn": OwnNetwork("none", one_size=True),
    "cxredge/eeea_net_c2": OwnNetwork("gradient"),
    "cxredge/eeea_net_c2_exact": OwnNetwork("exact"),
}
"""``students/architectures.py`` has the networks."""
OWN = "cxredge/"
"""What their names begin with."""
BESIDE = "+"
"""Between the names of timm networks that stand side by side."""


def _known(backbone: str) -> str:
    if backbone.startswith(OWN) and backbone not in OWN_NETWORKS:
        raise ValueError(f"there is no such architecture; there are {', '.join(OWN_NETWORKS)}")
    return backbone


_TIMM, _OURS = r"timm/[a-z0-9_.]+", rf"{OWN}[a-z0-9_]+"
Backbone = Annotated[str, StringConstraints(pattern=rf"^({_TIMM}|{_OURS})$"), AfterValidator(_known)]
"""A student's: a network of timm's, or one of our own."""
TeacherBackbone = Annotated[
    str, StringConstraints(pattern=rf"^({_TIMM}(\+{_TIMM}){{0,3}}|{_OURS})$"), AfterValidator(_known)
]
"""A teacher's: as a student's, or up to four of timm's side by side (``timm/resnetv2_50+timm/vgg19``)."""


def heatmap_of(backbone: str) -> Heatmap:
    """What the maps of a network with that name are."""
    return OWN_NETWORKS[backbone].heatmap if backbone in OWN_NETWORKS else "exact"


def fixed_size(backbone: str) -> bool:
    """Whether a network with that name takes films of its recipe's size alone."""
    return backbone in OWN_NETWORKS and OWN_NETWORKS[backbone].one_size


class Normalise(Frozen):
    """How grey levels become what the original was trained on, in its own order: ``range``, ``repeat``, mean and std.

    Computed in the graph, before the first padding: folded into weights it would not be exact where a picture is padded
    with zeros.
    """

    range: tuple[Float32, Float32] = (0.0, 1.0)
    """What the levels 0 and 255 become."""
    repeat: Literal[1, 3] = 1
    """3: a grey film is given three times, to an original that takes colours."""
    mean: tuple[Float32, ...] = ()
    """One a channel of the original, subtracted; empty: 0."""
    std: tuple[Annotated[Float32, Field(gt=0)], ...] = ()
    """One a channel, divided by; empty: 1."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.range[0] == self.range[1]:
            raise ValueError("range must span something")
        if len(self.mean) != len(self.std) or len(self.mean) not in (0, 1, 3):
            raise ValueError("mean and std must both have one number a channel, or both be absent")
        if self.repeat == 3 and len(self.mean) == 1:
            raise ValueError("with repeat: 3 mean and std have three numbers")
        return self


class BackboneSpec(Sparse):
    """A network of timm's or of our own with its head, and its weights in a safetensors file."""

    backbone: Backbone
    novelty_rank: int = Field(default=32, ge=1, le=256)
    """Principal components kept for the Mahalanobis distance of the pooled features."""
    map_upscale: Annotated[int, Field(ge=1, le=8), AbsentIf(lambda factor: factor == 1)] = 1
    """Rows and columns of an exact map for each of the backbone's last features (see ``heads.upscaled``)."""

    @model_validator(mode="after")
    def _exact(self) -> Self:
        if self.map_upscale > 1 and self.heatmap != "exact":
            raise ValueError(f"map_upscale is for maps whose mean is the logit; those of {self.backbone} are not")
        return self

    @property
    def heatmap(self) -> Heatmap:
        """What its maps are."""
        return heatmap_of(self.backbone)

    @property
    def words(self) -> str:
        """What the network is, for people."""
        return self.backbone


class OriginalProof(Sparse):
    """The root of the parity chain: the network as its owner ran it against the student that it became."""

    films: int = Field(ge=1)
    splits: Annotated[tuple[Literal["val", "test"], ...], AbsentIf(lambda said: not said)] = ()
    """Which films these are; empty in recipes of an older version."""
    decisions: int = Field(ge=1)
    of: Literal["logits", "probabilities"] = "logits"
    """What was compared: probabilities, where the original says no logits."""
    max_abs: float = Field(ge=0)
    """Largest difference by the conversion: both were given the same pixels, the original in its own arithmetic."""
    flips: int = Field(ge=0)
    """Decisions that differ by the conversion."""
    transform: Annotated[ShortText | None, AbsentIf(lambda said: said is None)] = None
    """The original's own preprocessing, where it was run."""
    whole_max_abs: Annotated[float | None, Field(ge=0), AbsentIf(lambda said: said is None)] = None
    """The original behind its own preprocessing against the student behind ours."""
    whole_flips: Annotated[int | None, Field(ge=0), AbsentIf(lambda said: said is None)] = None
    preprocessing_max_abs: Annotated[float | None, Field(ge=0), AbsentIf(lambda said: said is None)] = None
    """The original behind its own preprocessing against itself behind ours: the part of it that is not the network."""
    preprocessing_flips: Annotated[int | None, Field(ge=0), AbsentIf(lambda said: said is None)] = None

    @property
    def of_splits(self) -> str:
        """`` of val and test``; nothing where it is not known."""
        return f" of {' and '.join(self.splits)}" if self.splits else ""

    @property
    def words(self) -> str:
        """Sentences."""
        said = (
            f"On {counted(self.films, 'film')}{self.of_splits} the {self.of} of the original network and of this "
            f"student differ by at most {self.max_abs:.2g}; {self.flips} of "
            f"{counted(self.decisions, 'decision')} differ."
        )
        if self.transform is None:
            return f"{said} The original's own preprocessing was not run."
        return (
            f"{said} With the original behind its own preprocessing ({self.transform}) and the student behind ours "
            f"they differ by at most {self.whole_max_abs:.2g}, and in {counted(self.whole_flips or 0, 'decision')}. Of "
            "the original alone, behind the one and the other, they differ by at most "
            f"{self.preprocessing_max_abs:.2g}, and in {counted(self.preprocessing_flips or 0, 'decision')}."
        )


class ProgramSpec(Frozen):
    """A network that was trained elsewhere: a program of ``torch.export`` in the weights file, so that no code is run.

    The program takes float32[N, c, H, W], normalised, and gives a tuple: logits, and maps, novelty and quality where
    the recipe says that there are some.
    """

    program: ShortText
    """What it was exported from: ``torchvision/mobilenet_v2``."""
    normalise: Normalise
    heatmap: Heatmap
    original: OriginalProof
    """How the student differs from the network as its owner ran it, measured when it was imported."""

    @property
    def words(self) -> str:
        """What the network is, for people."""
        return self.program


def _kind(value: Any) -> str:
    said = value if isinstance(value, dict) else getattr(value, "__dict__", {})
    return "program" if "program" in said else "backbone"


StudentSpec = Annotated[
    Annotated[BackboneSpec, Tag("backbone")] | Annotated[ProgramSpec, Tag("program")], Discriminator(_kind)
]
