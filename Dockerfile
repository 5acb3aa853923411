# The environment of requirements.lock, hashes checked, with cxredge in it. Not verified here: there was no docker on the
# machine that this was written on. What `RUN make setup` does was run in an empty folder with what is copied below.
#   docker build -t cxredge .
#   docker run --rm -v "$PWD:/work" -v /path/to/films:/films:ro cxredge build model_zoo/mine
FROM python:3.11-slim-bookworm

RUN apt-get update \
 && apt-get install --yes --no-install-recommends make \
 && rm -rf /var/lib/apt/lists/*

WORKDIR /opt/cxredge
COPY pyproject.toml requirements.lock README.md LICENSE Makefile ./
COPY toolchain toolchain
# lock: torch's CUDA build, with hashes; cpu: PyTorch's CPU wheels from its own index, without (docs/set-up.md)
ARG TORCH=lock
RUN make setup TORCH=$TORCH PYTHON=python3.11 && rm -rf ~/.cache

ENV PATH=/opt/cxredge/.venv/bin:$PATH CXR_DATA=/films
WORKDIR /work
ENTRYPOINT ["cxredge"]
