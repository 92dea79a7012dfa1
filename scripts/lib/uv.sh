# shellcheck shell=bash
# uv: the one on the path, or one of our own below the cache folder.

ensure_uv() {
  has uv && return
  say "fetching uv"
  has python3 || die "neither uv nor python3 is on the path: install uv (see its documentation) and run this again"
  local target="${CACHE}/uv"
  pip_into "${target}" uv || venv_with_uv "${target}" ||
    die "uv could not be installed with python3: install uv, or pip for python3, and run this again"
  mkdir -p "${CACHE}/bin"
  ln -sfn "../uv/bin/uv" "${CACHE}/bin/uv"
  has uv || die "uv was installed into ${target}, yet it does not start"
}

# pip_into FOLDER PACKAGE: works where the system's Python is marked as externally managed, too.
pip_into() {
  python3 -m pip --version >/dev/null 2>&1 || return 1
  python3 -m pip install --quiet --no-input --disable-pip-version-check --root-user-action=ignore \
    --upgrade --target "$1" "$2" >&2
}

# venv_with_uv FOLDER: for a python3 that carries pip only inside virtual environments, or nowhere but in a package.
venv_with_uv() {
  if python3 -m venv --clear "$1" >/dev/null 2>&1; then
    "$1/bin/python" -m pip install --quiet --no-input --disable-pip-version-check uv >&2
    return
  fi
  rm -rf "$1"
  apt_is_usable || return 1
  local state="${CACHE}/apt/pip" wheel
  mkdir -p "${state}/archives"
  apt_own "${state}" update >&2 || true
  (cd "${state}/archives" && apt_own "${state}" download python3-pip-whl >&2) || return 1
  unpack_archives "${state}" "${state}/root"
  wheel="$(find "${state}/root" -name 'pip-*.whl' | head -n 1)"
  [[ -n "${wheel}" ]] || return 1
  PYTHONPATH="${wheel}" pip_into "$1" uv
}
