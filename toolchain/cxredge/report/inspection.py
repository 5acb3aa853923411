"""What ``cxredge inspect`` prints: a head, operators by type, and the most costly ones."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from cxredge.errors import counted
from cxredge.report.fitted import as_fitted_text
from cxredge.results import Inspection, Operation, TensorInfo

MOST_COSTLY = 10
LONGEST_NAME = 48
TYPES = ("type", "count", "MACs", "of MACs", "bytes moved", "weight bytes", "dtypes")
OPERATORS = ("name", "type", "shape", "dtype", "MACs", "bytes moved", "weight bytes", "weights")


def text(found: Inspection, every: bool, width: int | None) -> str:
    """The whole page, plain text. every: list all operators in their order instead of the most costly ones.

    width: of the terminal, where it is one.
    """
    operations = found.operations
    chosen: Sequence[Operation] = operations if every else sorted(operations, key=_cost)[:MOST_COSTLY]
    title = "every operator, in the order of execution" if every else f"the {len(chosen)} most costly operators"
    blocks = [
        f"{found.file}  {found.format}  {found.bytes:,} bytes  sha256 {found.sha256}",
        as_fitted_text(
            ("", "name", "dtype", "shape"),
            [*_tensors("input", found.inputs), *_tensors("output", found.outputs)],
            width,
        ),
        as_fitted_text(TYPES, _by_type(operations), width),
        f"{title} (MACs and bytes computed from shapes, not timed):",
        as_fitted_text(OPERATORS, [_row(o) for o in chosen], width),
        _totals(found),
    ]
    return "\n\n".join(blocks)


def _cost(operation: Operation) -> tuple[bool, int, int]:
    """Sort key: unknown MACs first, as they may be the most, then MACs, then bytes moved."""
    return operation.macs is not None, -(operation.macs or 0), -(operation.bytes_moved or 0)


def _tensors(kind: str, tensors: Iterable[TensorInfo]) -> list[tuple[str, ...]]:
    return [(kind, t.name, t.dtype or "?", _shape(t.shape)) for t in tensors]


def _by_type(operations: Sequence[Operation]) -> list[tuple[str, ...]]:
    groups: dict[str, list[Operation]] = defaultdict(list)
    for one in operations:
        groups[f"{one.delegate}: {one.type}" if one.delegate else one.type].append(one)
    whole = sum(o.macs or 0 for o in operations)
    table: list[tuple[str, ...]] = []
    for kind, group in sorted(groups.items(), key=lambda pair: (-sum(o.macs or 0 for o in pair[1]), pair[0])):
        macs = None if any(o.macs is None for o in group) else sum(o.macs or 0 for o in group)
        moved = None if any(o.bytes_moved is None for o in group) else sum(o.bytes_moved or 0 for o in group)
        share = "–" if macs is None or not whole else f"{100 * macs / whole:.1f} %"
        dtypes = ", ".join(sorted({o.dtype or "?" for o in group}))
        weights = sum(o.weight_bytes for o in group)
        table.append((kind, f"{len(group)}", _count(macs), share, _count(moved), f"{weights:,}", dtypes))
    return table


def _row(one: Operation) -> tuple[str, ...]:
    return (
        one.name if len(one.name) <= LONGEST_NAME else "…" + one.name[1 - LONGEST_NAME :],
        one.type,
        _shape(one.shape),
        one.dtype or "?",
        _count(one.macs),
        _count(one.bytes_moved),
        f"{one.weight_bytes:,}",
        one.weight_dtype or "",
    )


def _totals(found: Inspection) -> str:
    """Weights by the census, which counts a constant once however many operators read it."""
    operations, weights = found.operations, found.census.weight_bytes
    dtypes = ", ".join(f"{dtype} {count:,}" for dtype, count in weights.items()) or "none"
    line = f"total: {counted(len(operations), 'operator')}, {sum(o.macs or 0 for o in operations):,} MACs"
    line += f", {sum(o.bytes_moved or 0 for o in operations):,} bytes moved"
    line += f", {sum(weights.values()):,} weight bytes ({dtypes})"
    unknown = sum(o.macs is None or o.bytes_moved is None for o in operations)
    return line + (f"; not known for {unknown} of them (–)" if unknown else "")


def _shape(shape: tuple[int | None, ...] | None) -> str:
    if shape is None:
        return "?"
    return " x ".join("?" if size is None else str(size) for size in shape) or "scalar"


def _count(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"
