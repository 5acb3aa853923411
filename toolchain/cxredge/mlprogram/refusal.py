"""What a program is refused with when one of its operators is the reason."""

from __future__ import annotations

from collections.abc import Iterable

from cxredge.errors import InputError


class Refusal(InputError):
    """nodes: names of the operators that cannot be evaluated, for whoever knows more of them than the package does."""

    def __init__(self, code: str, cause: str, fix: str, choices: Iterable[str] = (), nodes: Iterable[str] = ()) -> None:
        super().__init__(code, cause, fix, choices)
        self.nodes = tuple(nodes)

    def __reduce__(self) -> tuple[object, ...]:
        return (type(self), (self.code, self.cause, self.fix, self.choices, self.nodes))
