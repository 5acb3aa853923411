#!/bin/sh
# Makes .venv and installs exactly requirements.lock into it (hashes checked), then the product in editable form.
# PYTHON: the interpreter (3.11). TORCH=cpu: PyTorch's CPU wheels in place of the lock's CUDA build; these two wheels
# come without hashes, because the lock holds those of the other build.
set -eu

python=${PYTHON:-python3.11}
command -v "$python" >/dev/null 2>&1 || python=python3
if ! "$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then
  echo "error [E-ENV-PYTHON]: Python 3.11 is needed (executorch, litert and tflite-support ship wheels for it)" >&2
  echo "fix: install Python 3.11, or name it: make PYTHON=/path/to/python3.11" >&2
  exit 3
fi

rm -f .venv/.installed-*
[ -x .venv/bin/python ] || "$python" -m venv .venv

# the lock holds uv itself: install it first, from its own hashed entry
boot=$(mktemp)
trap 'rm -f "$boot"' EXIT
awk '/^uv==/ {take = 1} take {sub(/ ;.*\\$/, " \\"); print; if ($0 !~ /\\$/) exit}' requirements.lock > "$boot"
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r "$boot"

uv=.venv/bin/uv
export VIRTUAL_ENV="$PWD/.venv"
case "${TORCH:-lock}" in
  lock) $uv pip sync --quiet --require-hashes requirements.lock ;;
  cpu)
    awk '/^[a-z]/ {drop = /^(torch|torchvision|triton|nvidia-[a-z0-9-]*|cuda-[a-z0-9-]*)==/} !drop' requirements.lock > "$boot"
    $uv pip sync --quiet --require-hashes "$boot"
    $uv pip install --quiet --no-deps --torch-backend cpu \
      "$(sed -n 's/^\(torch==[^ ]*\).*/\1/p' requirements.lock)" \
      "$(sed -n 's/^\(torchvision==[^ ]*\).*/\1/p' requirements.lock)"
    ;;
  *) echo "error [E-ENV-TORCH]: TORCH=$TORCH is not a choice; fix: TORCH=lock (default) or TORCH=cpu" >&2; exit 2 ;;
esac
$uv pip install --quiet --no-deps --no-build-isolation --editable .

# bytecode, as pip would write it: where PYTHONDONTWRITEBYTECODE is set, as in many containers, every process would
# otherwise compile thousands of modules again. Left out is what nothing here imports, half of all: tests, and the larger
# packages that others drag in. A module that is missed is compiled when it is imported. Some files are of other Pythons.
unused='/(tests?|_test|examples|kagglesdk|mypyc?|pip|setuptools|transformers|xdsl)/|/torch/testing/_internal/'
unused="$unused|/executorch/(devtools|backends/(?!xnnpack|transforms))"
.venv/bin/python -W ignore -m compileall -qq -j 0 -x "$unused" .venv/lib/python3.11/site-packages toolchain || true
