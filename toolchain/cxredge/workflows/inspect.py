"""Inspect a model file from anywhere: its format's parser reads it in a process with limits, and no runtime loads it.

Parsers of foreign bytes may loop, eat memory or crash. So the reading is done by ``python -m
cxredge.workflows.inspect TARGET FILE``: what happens to that process is one error here.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from pydantic import ValidationError

from cxredge.errors import CxrError, EnvironmentProblem, InputError, printable
from cxredge.files import open_regular, sha256_bytes, sha256_file
from cxredge.path_errors import reading, shown
from cxredge.results import Inspection
from cxredge.scratch import temporary
from cxredge.targets import TARGETS, get_target
from cxredge.targets.base import Target
from cxredge.trees import TooManyFiles, regular_files

SECONDS = 60
MAX_BYTES = 512 << 20
"""Of a file, or of a folder's files together: several times the largest model that phones take."""
MAX_FILES = 10_000
"""Files and folders of a model that is a folder; Core ML packages have half a dozen."""
MEMORY, MEMORY_PER_BYTE = 1 << 30, 8
"""Address space that reading a file may take: packages and threads first, then so much for each of its bytes."""
ANSWER = 64 << 20
"""Characters of the longest answer: an operator takes some 300."""
UNREADABLE, NO_PARSER = 2, 3


def inspect_file(path: Path) -> Inspection:
    """What ``path`` holds, whoever made it.

    Raises InputError INSPECT-FORMAT (the suffix is no target's, or it is a bundle), INSPECT-MISSING, INSPECT-SIZE,
    PATH-READ or INSPECT-FILE (damaged, or too much for the limits), EnvironmentProblem DISK-* or INSPECT-PARSER (the
    package that reads it does not import).
    """
    target = _target_of(path)
    if not (os.path.isdir(path) if _is_folder_name(target, path) else os.path.isfile(path)):
        raise InputError("INSPECT-MISSING", f"there is no model file {shown(path)}", "name a file that exists")
    size = _size(path)
    if size > MAX_BYTES:
        raise InputError(
            "INSPECT-SIZE", f"{shown(path)} has {size:,} bytes; {MAX_BYTES:,} are read", "name a model for phones"
        )
    with tempfile.TemporaryFile() as answer, temporary("inspect") as scratch:
        # libraries of matrix products reserve memory for each thread, and nothing is multiplied here
        single = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        # -P: a file of that folder is not to be imported in place of a package
        try:
            status = subprocess.run(
                [sys.executable, "-P", "-m", "cxredge.workflows.inspect", target.name, str(path)],
                stdin=subprocess.DEVNULL,
                stdout=answer,
                stderr=subprocess.DEVNULL,
                timeout=SECONDS,
                env={**os.environ, **single, "PYTHONUTF8": "1", "TMPDIR": str(scratch)},
                check=False,
            ).returncode
        except subprocess.TimeoutExpired:
            status = -signal.SIGXCPU
        answer.seek(0)
        said = answer.read().decode("utf-8", "replace").strip()
    if status == 0:
        try:
            return Inspection.model_validate_json(said)
        except ValidationError:
            # a library that prints, or a figure that no inspection holds: the file made it so
            status, said = UNREADABLE, "what its parser answered is no inspection"
    if status == NO_PARSER:
        raise EnvironmentProblem(
            "INSPECT-PARSER", f"what reads {target.suffix} does not import: {said}", "run `make setup`"
        )
    raise InputError(
        "INSPECT-FILE",
        f"{shown(path)} cannot be read as {target.suffix}: {_reason(status, said)}",
        "get the file anew, or build it again",
    )


def _target_of(path: Path) -> Target:
    targets = [get_target(name) for name in TARGETS]
    for target in targets:
        if path.name.lower().endswith(target.suffix) or _is_folder_name(target, path):
            return target
    artifacts = _artifacts(path)
    if artifacts:
        raise InputError(
            "INSPECT-FORMAT",
            f"{shown(path)} is a bundle, and one model file is read",
            "name one of its files",
            artifacts,
        )
    raise InputError(
        "INSPECT-FORMAT",
        f"{shown(path)} is no model file by its name",
        "name a model file, for example one in a bundle's artifacts",
        sorted({s for t in targets for s in (t.suffix, t.folder_suffix) if s}),
    )


def _artifacts(path: Path) -> list[str]:
    """Paths of a bundle's artifacts, as they are typed; none where ``path`` is no bundle."""
    from cxredge.bundle.manifest import FILE, parse_any_manifest

    if not os.path.isfile(path / FILE):
        return []
    try:
        return [shown(path / entry.path) for entry in parse_any_manifest(path / FILE).artifacts]
    except CxrError:
        return []


def _is_folder_name(target: Target, path: Path) -> bool:
    return bool(target.folder_suffix) and path.name.lower().endswith(target.folder_suffix)


def _size(path: Path) -> int:
    """Bytes of a file or of a folder's files, none of which is read."""
    with reading(path):
        if not os.path.isdir(path):
            with open_regular(path) as stream:
                return os.fstat(stream.fileno()).st_size
        try:
            return sum(file.stat().st_size for file in regular_files(path, MAX_FILES).values())
        except (ValueError, TooManyFiles) as error:
            raise InputError(
                "INSPECT-FILE", f"{shown(path)}: {error}", "get the file anew, or build it again"
            ) from error


def _reason(status: int, said: str) -> str:
    if status == UNREADABLE:
        return said
    if status == -signal.SIGXCPU:
        return f"its parser was not done after {SECONDS} s"
    return f"its parser was ended by {signal.Signals(-status).name}" if status < 0 else f"its parser left with {status}"


def main(name: str, path: Path) -> int:
    """Read and answer on standard output: the Inspection as JSON with status 0, else why not."""
    try:
        digest, size = _digest(path)
        for what, limit in (
            (resource.RLIMIT_AS, MEMORY + MEMORY_PER_BYTE * size),
            (resource.RLIMIT_CPU, SECONDS),
            (resource.RLIMIT_CORE, 0),
        ):
            # macOS refuses some limits; the parent's clock stays
            with contextlib.suppress(ValueError, OSError):
                resource.setrlimit(what, (limit, limit))
        found = get_target(name).read(path)
        answer = Inspection(
            file=printable(path.name),
            format=name,
            bytes=size,
            sha256=digest,
            inputs=found.inputs,
            outputs=found.outputs,
            census=found.census,
            operations=found.operations,
        ).model_dump_json()
        if len(answer) > ANSWER:
            raise ValueError(f"it lists {len(found.operations)} operators with {len(answer)} bytes of names")
        print(answer)
    except ImportError as error:
        print(error)
        return NO_PARSER
    except MemoryError:
        print("its parser asked for more memory than such a file needs")
        return UNREADABLE
    except Exception as error:  # parsers of foreign bytes raise anything
        text = " ".join(str(error).split())
        print(printable(f"{type(error).__name__}: {text[:300]}"))
        return UNREADABLE
    return 0


def _digest(path: Path) -> tuple[str, int]:
    """SHA-256 and bytes of a file, or of the list of a folder's files."""
    if path.is_file():
        return sha256_file(path), path.stat().st_size
    files = dict(sorted(regular_files(path, MAX_FILES).items(), key=lambda file: file[1]))
    lines = "".join(f"{sha256_file(p)}  {name}\n" for name, p in files.items())
    return sha256_bytes(lines.encode("utf-8", "surrogateescape")), sum(p.stat().st_size for p in files.values())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
