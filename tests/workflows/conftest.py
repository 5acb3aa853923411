from __future__ import annotations

from support.bundles import signed

__all__ = ["signed"]
