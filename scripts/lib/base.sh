# shellcheck shell=bash
# What every script stands on: the root, the cache folder, the path, and how progress is told.

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
CACHE="${ROOT}/.cache"
VENV="${ROOT}/.venv"
PYTHON_WANTED=">=3.14.2"
export PATH="${VENV}/bin:${CACHE}/bin:${PATH}:/usr/local/sbin:/usr/sbin"
export UV_PROJECT_ENVIRONMENT="${VENV}"
export UV_PYTHON_INSTALL_DIR="${CACHE}/python"
unset PYTHONDONTWRITEBYTECODE
export PYTHONPYCACHEPREFIX="${CACHE}/pycache"

say() { printf '%s\n' "==> $*" >&2; }

die() {
  printf '%s\n' "error: $*" >&2
  exit 1
}

has() { command -v "$1" >/dev/null 2>&1; }
