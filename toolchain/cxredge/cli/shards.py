"""What ``verify --shard`` and ``merge`` say of the folder that they wrote."""

from __future__ import annotations

from pathlib import Path

from cxredge.errors import counted, printable
from cxredge.shard_record import ShardRecord


def told(out: Path, record: ShardRecord) -> dict[str, object]:
    """As JSON."""
    return {
        "outputs": str(out),
        "bundle": record.bundle,
        "shard": str(record.which),
        "films": {part.stack: len(part.places) for part in record.parts},
        "unread": sum(len(part.unread) for part in record.parts),
        "artifacts": [run.artifact for run in record.runs],
    }


def words(out: Path, record: ShardRecord) -> str:
    """As text."""
    stacks = ", ".join(f"{part.stack} {len(part.places)} of {part.pictures}" for part in record.parts)
    unread = sum(len(part.unread) for part in record.parts)
    lost = f"; {counted(unread, 'film')} could not be read" if unread else ""
    ran = counted(len(record.runs) - 1, "artifact")
    return f"shard {record.which} of {record.bundle}: the reference and {ran} on {stacks}{lost}: {printable(str(out))}"
