# The environment of requirements.lock and the code, for a user without rights. Not built yet:
# docs/running.md says what was tried.
FROM python:3.11-slim-bookworm

# git: DVC and the records of runs look at it.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git make \
    && rm -rf /var/lib/apt/lists/*

ARG UID=1000
RUN useradd --uid "${UID}" --create-home mixseg \
    && install --directory --owner mixseg /mixseg
USER ${UID}
WORKDIR /mixseg

ENV VIRTUAL_ENV=/home/mixseg/venv \
    PATH=/home/mixseg/venv/bin:$PATH \
    DVC_NO_ANALYTICS=1 \
    PYTHONUNBUFFERED=1
COPY --chown=mixseg requirements.lock ./
RUN python -m venv "${VIRTUAL_ENV}" \
    && pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.lock

COPY --chown=mixseg . ./
RUN pip install --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation -e . \
    && mkdir -p data weights artefacts results reports work

# What commands read and write lies outside of the image.
VOLUME ["/mixseg/data", "/mixseg/weights", "/mixseg/artefacts", "/mixseg/results", "/mixseg/reports", "/mixseg/work"]
ENTRYPOINT ["mixseg"]
CMD ["--help"]
