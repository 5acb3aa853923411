"""How long all trainings of one run will still take, from what their epochs took so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass
class Remaining:
    """parts: by training, in their order, what each epoch costs, in any unit that all share.

    A training that was not begun yet is taken to go as fast as those that were.
    """

    parts: Mapping[str, Sequence[float]]
    _done: dict[str, int] = field(default_factory=dict)
    _seconds: dict[str, float] = field(default_factory=dict)
    _units: dict[str, float] = field(default_factory=dict)

    def skip(self, name: str, epochs: int) -> None:
        """Epochs that an earlier run did."""
        self._done[name] = epochs

    def ended(self, name: str, seconds: float) -> None:
        """Its next epoch took so long."""
        at = self._done.get(name, 0)
        self._done[name] = at + 1
        self._seconds[name] = self._seconds.get(name, 0.0) + seconds
        self._units[name] = self._units.get(name, 0.0) + self.parts[name][at]

    def seconds(self) -> float | None:
        """Until all trainings have ended; None before the first epoch has."""
        units = sum(self._units.values())
        if not units:
            return None
        rate = sum(self._seconds.values()) / units
        rates = {name: self._seconds[name] / self._units[name] for name in self._units}
        return sum(rates.get(name, rate) * sum(costs[self._done.get(name, 0) :]) for name, costs in self.parts.items())


def lasting(seconds: float) -> str:
    """``40 s``, ``12 min``, ``1 h 05 min``."""
    if seconds < 90:
        return f"{max(seconds, 0):.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"
