# The environment of `make setup` as an image, from the same lock. Nobody has built it yet: no engine was at hand where it
# was written. hadolint finds nothing in it, and tests/house/test_container.py reads it line by line.
#   docker build -t kinechain .
#   docker run --rm --user "$(id -u):$(id -g)" -v "$PWD":/study -w /study kinechain --cores all
# For `snakemake --sdm apptainer`:  apptainer build kinechain.sif docker-daemon://kinechain:latest
FROM python:3.11.7-slim-bookworm
# USER and HOME: snakemake asks who runs it and keeps a cache, and a user given by number has neither name nor home here.
ENV USER=reader HOME=/tmp OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 \
    PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /opt/kinechain
COPY requirements.lock ./
RUN python -m pip install --no-deps --require-hashes -r requirements.lock
COPY . .
RUN python -m pip install --no-deps --no-build-isolation -e . \
 && python -m compileall -q workflow/kinechain
ENTRYPOINT ["snakemake"]
