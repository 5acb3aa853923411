"""What a training says of each epoch in files: a table (CSV), and events that TensorBoard shows."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from cxredge.files import write_text


@dataclass(frozen=True)
class Epoch:
    """One epoch: plain numbers, which a checkpoint holds."""

    loss: float
    """The mean of what was minimised."""
    rate: float
    """Learning rate of its last step."""
    seconds: float
    """Of its steps; validating is not counted."""
    films_per_second: float
    val_auc: float | None = None
    """Mean over the labels, of the averaged weights; None: val has too few films for it, or was not asked."""
    parts: dict[str, float] = field(default_factory=dict)
    """Each term of the loss, weighted, by name."""


@dataclass(frozen=True)
class TrainingLog:
    """``<folder>/<name>.csv``, a row an epoch, and TensorBoard's events under ``<folder>/events/<name>/``."""

    folder: Path
    name: str

    def write(self, history: Sequence[Epoch]) -> None:
        """Write the table anew, and the last epoch as events. Raises what ``write_text`` raises."""
        write_text(self.folder / f"{self.name}.csv", table(history))
        from tensorboardX import SummaryWriter

        last = asdict(history[-1])
        numbers = {**{f"parts/{name}": value for name, value in last.pop("parts").items()}, **last}
        # events of epochs that a killed run had told, and that are now told again, are hidden by purge_step
        writer = SummaryWriter(str(self.folder / "events" / self.name), purge_step=len(history))
        for name, value in numbers.items():
            if value is not None:
                writer.add_scalar(name, value, len(history))
        writer.close()


def table(history: Sequence[Epoch]) -> str:
    """CSV: a header, and a row for each epoch, counted from 1."""
    parts = list(history[0].parts)
    stream = io.StringIO()
    rows = csv.writer(stream, lineterminator="\n")
    rows.writerow(["epoch", "loss", *parts, "rate", "val_auc", "films_per_second", "seconds"])
    for number, epoch in enumerate(history, 1):
        area = "" if epoch.val_auc is None else f"{epoch.val_auc:.4f}"
        own = [f"{epoch.parts[name]:.5f}" for name in parts]
        speed = f"{epoch.films_per_second:.2f}"
        rows.writerow([number, f"{epoch.loss:.5f}", *own, f"{epoch.rate:.6g}", area, speed, f"{epoch.seconds:.1f}"])
    return stream.getvalue()
