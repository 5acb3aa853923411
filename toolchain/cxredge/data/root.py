"""Where data sets lie."""

from __future__ import annotations

import os
from pathlib import Path

from cxredge.errors import InputError


def data_root() -> Path:
    """The folder that holds the sets: ``CXR_DATA``, else ``../shared/data`` beside the repository or this folder.

    Raises InputError DATA-MISSING.
    """
    said = os.environ.get("CXR_DATA")
    if said is not None:
        if not Path(said).is_dir():
            raise InputError(
                "DATA-MISSING",
                f"CXR_DATA is {said!r}, which is not a folder",
                "set CXR_DATA to the folder with the data sets",
            )
        return Path(said)
    # parents[3]: toolchain/cxredge/data/ in a checkout
    for base in (Path(__file__).resolve().parents[3], Path.cwd()):
        root = base.parent / "shared" / "data"
        if root.is_dir():
            return root
    raise InputError(
        "DATA-MISSING",
        "there is no ../shared/data, and CXR_DATA is not set",
        "set CXR_DATA to the folder with the data sets",
    )
