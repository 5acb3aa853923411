"""Whether the zoo's artifacts still have the bytes of the list beside this script, and their builds keep every gate.

    python benchmarks/same_bytes.py [recipe ...]        the zoo's recipes, if none is named; minutes each
    python benchmarks/same_bytes.py --write             write the list anew: only when bytes are meant to move

Builds start from an empty cache, so that nothing old can pass. The list (zoo_artifacts.json) was taken on Linux x86_64
with the versions of the lock; other versions of an exporter may give other bytes.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
LIST = Path(__file__).with_name("zoo_artifacts.json")


def build(name: str, scratch: Path) -> dict[str, str]:
    """SHA-256 by artifact; ends this script when the build fails, as it does when a gate is broken."""
    import os

    from cxredge.bundle.bundle import read_manifest

    command = [Path(sys.executable).with_name("cxredge"), "build", ROOT / "model_zoo" / name, "--out", scratch / "dist"]
    done = subprocess.run(command, env={**os.environ, "CXR_CACHE": str(scratch / name)}, stdout=subprocess.PIPE)
    if done.returncode != 0:
        sys.exit(f"the build of {name} ended with status {done.returncode}: {done.stdout.decode()}")
    (host,) = (p for p in (scratch / "dist").glob(f"{name}-*") if not p.name.endswith(("-android", "-ios")))
    return {entry.name: entry.sha256 for entry in read_manifest(host).artifacts}


def main(arguments: list[str]) -> int:
    listed: dict[str, dict[str, str]] = json.loads(LIST.read_text())
    write = arguments[:1] == ["--write"]
    names = arguments[1:] if write else arguments
    different = 0
    with tempfile.TemporaryDirectory() as scratch:
        for name in names or sorted(listed):
            found = build(name, Path(scratch))
            same = [a for a, digest in found.items() if listed.get(name, {}).get(a) == digest]
            different += len(found.keys() | listed.get(name, {}).keys()) - len(same)
            print(f"{name}: {len(same)} of {len(found)} artifacts have the listed bytes; every gate kept", flush=True)
            print("".join(f"  {a}: {digest}\n" for a, digest in found.items() if a not in same), end="")
            listed[name] = found
    if write:
        LIST.write_text(json.dumps(listed, indent=2, sort_keys=True) + "\n")
    return int(different > 0 and not write)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
