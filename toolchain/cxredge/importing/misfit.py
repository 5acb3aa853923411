"""Why a checkpoint does not fit a network, in words: what differs, and the nearest mapping that would fit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from cxredge.errors import InputError, counted, printable, some_of

if TYPE_CHECKING:
    from torch import Tensor

MAX_RENAMINGS = 2_000
"""Pairs of keys by which a renaming is looked for."""


def misfit(
    wanted: Mapping[str, Tensor],
    found: Mapping[str, Tensor],
    prefix: str,
    missing: Sequence[str],
    unknown: Sequence[str],
    wrong: Sequence[str],
    positions: bool,
) -> InputError:
    """The refusal with what differs and what would fit.

    prefix: what was taken off the file's keys. missing, wrong: the network's keys; unknown: the file's. positions:
    whether the tensors would fit one by one, in order. Returns IMPORT-LABELS, IMPORT-CHANNELS or IMPORT-FIT.
    """
    if not missing and not unknown:
        special = _outputs(wanted, found, prefix, wrong) or _channels(wanted, found, prefix, wrong)
        if special is not None:
            return special
    fits = len(wanted) - len(missing) - len(wrong)
    parts = [f"{fits} of the network's {counted(len(wanted), 'tensor')} fit"]
    if prefix:
        parts[0] += f" behind the prefix {printable(prefix)}"
    parts += _some("missing", [f"{key} {_shape(wanted[key])}" for key in missing])
    parts += _some("unknown", [f"{key} {_shape(found[key])}" for key in unknown])
    parts += _some(
        "of another shape",
        [f"{key}, {_shape(found[prefix + key])} in the file and {_shape(wanted[key])} in the network" for key in wrong],
    )
    fix = "name the network that these weights were trained in (--arch or --code)"
    if positions:
        fix = "all tensors fit in their order: say --keys by-position, and hold the answers against the original's"
    elif (renaming := _renaming(wanted, found, prefix, missing, unknown)) is not None:
        old, new, count = renaming
        fix = (
            f"{count} of the missing would fit if the file's {printable(old) or '(no prefix)'} were called "
            f"{printable(new) or '(no prefix)'}: rename the keys in the file"
        )
    elif not missing and not wrong:
        fix = "save the state_dict of that network alone, without what is beside it; or name the network that has them"
    return InputError("IMPORT-FIT", f"the weights do not fit the network: {'; '.join(parts)}", fix)


def by_position_words(wanted: Mapping[str, Tensor], theirs: Mapping[str, Tensor], apart: int | None) -> InputError:
    """The refusal of a mapping by position. apart: the first place of a pair that is not alike."""
    if apart is not None and len(theirs) == len(wanted):
        rest = list(zip(wanted, theirs, strict=True))[apart:]
        paired = {ours: theirs[other] for ours, other in rest}
        special = _outputs(wanted, paired, "", [ours for ours in paired if wanted[ours].shape != paired[ours].shape])
        if special is not None and len({ours.rpartition(".")[0] for ours in paired}) == 1:
            return special
    if apart is None:
        why = f"the network has {counted(len(wanted), 'tensor')} and the file {len(theirs)}"
    else:
        ours, other = list(wanted)[apart], list(theirs)[apart]
        why = (
            f"at place {apart + 1} the network has {printable(ours)} {_shape(wanted[ours])} "
            f"and the file {printable(other)} {_shape(theirs[other])}"
        )
    return InputError(
        "IMPORT-FIT",
        f"the weights do not fit the network by position: {why}",
        "name the network that these weights were trained in (--arch or --code)",
    )


def _outputs(
    wanted: Mapping[str, Tensor], found: Mapping[str, Tensor], prefix: str, wrong: Sequence[str]
) -> InputError | None:
    """One module, whose tensors differ in their first side alone: the classifier."""
    pairs = [(wanted[key], found[prefix + key]) for key in wrong]
    modules = {key.rpartition(".")[0] for key in wrong}
    sides = {(int(a.shape[0]), int(b.shape[0])) for a, b in pairs if a.ndim and b.ndim}
    alone = all(a.ndim == b.ndim > 0 and a.shape[1:] == b.shape[1:] for a, b in pairs)
    if len(modules) != 1 or len(sides) != 1 or not alone:
        return None
    named, there = next(iter(sides))
    return InputError(
        "IMPORT-LABELS",
        f"the classifier {printable(prefix + modules.pop())} has {counted(there, 'output')}, "
        f"and {counted(named, 'label')} {'is' if named == 1 else 'are'} named",
        "name a label for each output, in their order",
    )


def _channels(
    wanted: Mapping[str, Tensor], found: Mapping[str, Tensor], prefix: str, wrong: Sequence[str]
) -> InputError | None:
    """One kernel, which differs in its second side alone: the first."""
    if len(wrong) != 1:
        return None
    ours, theirs = wanted[wrong[0]], found[prefix + wrong[0]]
    if ours.ndim != 4 or theirs.ndim != 4 or ours.shape[0] != theirs.shape[0] or ours.shape[2:] != theirs.shape[2:]:
        return None
    return InputError(
        "IMPORT-CHANNELS",
        f"the kernel {printable(prefix + wrong[0])} takes {counted(theirs.shape[1], 'channel')}, "
        f"and the network is built for {ours.shape[1]}",
        f"say that the input has {counted(theirs.shape[1], 'channel')}",
    )


def _renaming(
    wanted: Mapping[str, Tensor],
    found: Mapping[str, Tensor],
    prefix: str,
    missing: Sequence[str],
    unknown: Sequence[str],
) -> tuple[str, str, int] | None:
    """The beginning of keys that makes most of the missing fit if called otherwise: file's, network's, how many fit."""
    there = {key.removeprefix(prefix): found[key] for key in unknown}
    alike: dict[tuple[object, str], list[str]] = {}
    for key, tensor in there.items():
        alike.setdefault((tensor.shape, key.rpartition(".")[2]), []).append(key)
    pairs = ((other, key) for key in missing for other in alike.get((wanted[key].shape, key.rpartition(".")[2]), []))
    votes: Counter[tuple[str, str]] = Counter()
    for other, key in islice(pairs, MAX_RENAMINGS):
        votes.update(_beginnings(other, key))
    best: tuple[str, str, int] | None = None
    lacking = set(missing)
    for (old, new), _ in votes.most_common(20):
        fits = sum(
            1
            for key, tensor in there.items()
            if key.startswith(old)
            and (renamed := new + key.removeprefix(old)) in lacking
            and wanted[renamed].shape == tensor.shape
        )
        if best is None or (fits, -len(old)) > (best[2], -len(best[0])):
            best = (old, new, fits)
    return best if best is not None and 2 * best[2] >= len(missing) else None


def _beginnings(old: str, new: str) -> list[tuple[str, str]]:
    """What stands before their common end, in whole parts of names, each with its dot: the shortest, and one longer."""
    ours, theirs = old.split("."), new.split(".")
    common = 0
    while common < min(len(ours), len(theirs)) and ours[-1 - common] == theirs[-1 - common]:
        common += 1
    return [
        ("".join(f"{p}." for p in ours[: len(ours) - n]), "".join(f"{p}." for p in theirs[: len(theirs) - n]))
        for n in range(max(1, common - 1), common + 1)
    ]


def _some(what: str, which: Sequence[str]) -> list[str]:
    return [f"{len(which)} {what}: {some_of([printable(name) for name in which])}"] if which else []


def _shape(tensor: Tensor) -> str:
    return str(list(tensor.shape))
