#!/usr/bin/env bash
# Install the extra silero beside .venv, whose packages it sees, and compare both models.
# torch is large, so it never goes where the product runs.
# usage: scripts/test_silero.sh [FOLDER]
set -euo pipefail
CDPATH='' cd "$(dirname "$0")/.."

venv=${1:-.venv/silero}
lock=requirements-silero.lock

if ! cmp -s "$lock" "$venv/installed"; then
  echo "test-silero: torch is being installed into $venv" >&2
  rm -rf "$venv"
  .venv/bin/python -m venv "$venv"
  .venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' \
    >"$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/voiceai.pth"
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r "$lock"
  cp "$lock" "$venv/installed"
fi
exec "$venv/bin/python" -m pytest -q -s -p no:cacheprovider tests/integration/transports/test_silero_torch.py
