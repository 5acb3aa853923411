"""Which tensor of a checkpoint is which of a network: by exact names behind one prefix, or by position where asked."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cxredge.errors import InputError
from cxredge.importing.misfit import by_position_words, misfit

if TYPE_CHECKING:
    from torch import Tensor

COUNTER = re.compile(r"(^|\.)num_batches_tracked$")
"""Steps of a batch norm's training: nothing that an evaluated network computes with."""
WEIGHT = re.compile(r"(^|\.)(weight|weight_v|weight_orig|parametrizations\.weight\.original1?)$")
"""A kernel or a matrix, of weight normalisation its directions: its lengths (weight_g, original0) have other sides."""
HARMLESS = (
    COUNTER,
    re.compile(r"^n_averaged$"),  # torch.optim.swa_utils.AveragedModel: how many were averaged
    re.compile(r"(^|\.)(total_ops|total_params)$"),  # thop's count of operations
    re.compile(r"(^|\.)op_threshs$"),  # torchxrayvision's operating points: of decisions, not of logits
    re.compile(r"^(criterion|loss|loss_fn|loss_func|loss_function)\.[\w.]+$|(^|\.)pos_weight$"),  # a loss's weights
    re.compile(r"(^|\.)(AuxLogits|aux1|aux2)\."),  # heads that Inception and GoogLeNet have in training alone
)
"""Tensors that a network need not take, by name, and why."""


@dataclass(frozen=True)
class Fit:
    """keys: the network's key -> the checkpoint's, in the network's order.

    prefix: what was taken off the checkpoint's keys. unused: the checkpoint's keys that a rule of ``HARMLESS`` leaves
    out. absent: the network's keys that keep their initial values, which are counters of training steps alone.
    """

    keys: Mapping[str, str]
    prefix: str
    unused: tuple[str, ...]
    absent: tuple[str, ...] = ()


@dataclass(frozen=True)
class Described:
    """What kernels and weights say of a network. channels: of its input. outputs: of its classifier.

    None: there is no such tensor, or the file keeps no order by which it could be found.
    """

    channels: int | None
    outputs: int | None


def fit(network: Mapping[str, Tensor], found: Mapping[str, Tensor], *, by_position: bool = False) -> Fit:
    """Pair the tensors of ``found`` with those of ``network``, or say why they do not pair and what would.

    network: its state dict, in the order of definition. found: the checkpoint's. by_position: pair them in order
    instead of by name; kinds (the last part of a name) and shapes have to agree one by one.
    Raises InputError IMPORT-FIT, IMPORT-LABELS (another number of outputs), IMPORT-CHANNELS (another number of input
    channels), IMPORT-ORDER (by position, and the file keeps none).
    """
    wanted = {key: tensor for key, tensor in network.items() if not COUNTER.search(key)}
    if by_position:
        return _positions(network, wanted, found)
    prefix = _prefix(wanted, found)
    inside = {key.removeprefix(prefix): key for key in found if key.startswith(prefix)}
    left = [key for key in found if not (key.startswith(prefix) and key.removeprefix(prefix) in network)]
    unknown = [key for key in left if not harmless(key, prefix)]
    missing = [key for key in wanted if key not in inside]
    wrong = [key for key in wanted if key in inside and not same(wanted[key], found[inside[key]])]
    if missing or unknown or wrong:
        raise misfit(wanted, found, prefix, missing, unknown, wrong, positions_fit(wanted, found))
    keys = {key: inside[key] for key in network if key in inside}
    return Fit(keys, prefix, tuple(left), tuple(key for key in network if key not in inside))


def described(found: Mapping[str, Tensor]) -> Described:
    """Input channels of the first 4-D kernel, outputs of the last weight that is 2-D or a 1x1 kernel.

    found: a state dict in the order of definition.
    """
    if not in_order(found):
        return Described(None, None)
    weights = [tensor for key, tensor in found.items() if WEIGHT.search(key)]
    kernels = [t for t in weights if t.ndim == 4]
    last = [t for t in weights if t.ndim == 2 or (t.ndim == 4 and t.shape[2:] == (1, 1))]
    return Described(int(kernels[0].shape[1]) if kernels else None, int(last[-1].shape[0]) if last else None)


def in_order(found: Iterable[str]) -> bool:
    """Whether keys can stand in the order of definition: safetensors sorts them, so that a bias precedes its weight."""
    keys = [key for key in found if not COUNTER.search(key)]
    if keys != sorted(keys):
        return True
    place = {key: i for i, key in enumerate(keys)}
    before = (key.removesuffix("bias") + "weight" for key in keys if key.endswith("bias"))
    # alphabetical and short can be the order of definition too; a bias before its weight never is
    return len(keys) < SHORT and not any(
        w in place and place[w] > place[w.removesuffix("weight") + "bias"] for w in before
    )


SHORT = 5
"""Keys of so small a state dict that the alphabet may agree with the order of definition."""


def harmless(key: str, prefix: str) -> bool:
    """Whether a rule lets a tensor go unused: by its name, or by its name behind the prefix."""
    return any(rule.search(key) or rule.search(key.removeprefix(prefix)) for rule in HARMLESS)


def same(wanted: Tensor, found: Tensor) -> bool:
    """Equal shapes, and both of whole numbers or both not."""
    return wanted.shape == found.shape and wanted.is_floating_point() == found.is_floating_point()


def positions_fit(wanted: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> bool:
    """Whether the tensors that count pair one by one: as many, in order, of equal kinds and shapes."""
    theirs = _counting(found)
    return len(theirs) == len(wanted) and in_order(found) and _first_apart(wanted, theirs) is None


def _positions(network: Mapping[str, Tensor], wanted: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> Fit:
    if not in_order(found):
        raise InputError(
            "IMPORT-ORDER",
            "the file keeps its tensors in alphabetical order, as safetensors does: positions say nothing",
            "name the file that torch.save wrote, or rename the keys",
        )
    theirs = _counting(found)
    apart = _first_apart(wanted, theirs)
    if apart is not None or len(theirs) != len(wanted):
        raise by_position_words(wanted, theirs, apart)
    keys = dict(zip(wanted, theirs, strict=True))
    used = set(theirs)
    return Fit(keys, "", tuple(k for k in found if k not in used), tuple(k for k in network if k not in keys))


def _counting(found: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {key: tensor for key, tensor in found.items() if not harmless(key, "")}


def _first_apart(wanted: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> int | None:
    pairs = zip(wanted.items(), theirs.items(), strict=False)
    for i, ((ours, tensor), (key, other)) in enumerate(pairs):
        if ours.rpartition(".")[2] != key.rpartition(".")[2] or not same(tensor, other):
            return i
    return None


def _prefix(wanted: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> str:
    """The prefix behind which most of the network's keys are found, shapes counting first; of equals, the shortest."""
    named: Counter[str] = Counter()
    shaped: Counter[str] = Counter()
    for key, tensor in found.items():
        at = 0
        while at <= len(key):
            rest = key[at:]
            if rest in wanted:
                named[key[:at]] += 1
                shaped[key[:at]] += same(wanted[rest], tensor)
            at = key.find(".", at) + 1
            if at == 0:
                break
    return max(named, key=lambda p: (shaped[p], named[p], -len(p)), default="")
