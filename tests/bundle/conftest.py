from __future__ import annotations

from support.bundles import bundle, parts, signed, signer

__all__ = ["bundle", "parts", "signed", "signer"]
