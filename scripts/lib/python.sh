# shellcheck shell=bash
# Python of the wanted version, by the first way that works: one that is there, one that uv fetches, one unpacked from
# Debian's newer release. Sets PYTHON to its path.

DEBIAN_PYTHON="${CACHE}/debian-python"
DEBIAN_PYTHON_SUITE=forky
DEBIAN_PYTHON_PACKAGES=(
  python3.14-minimal libpython3.14-minimal libpython3.14-stdlib python3.14 python3.14-venv libpython3.14-dev
  python3.14-dev libpython3.14 libc6 libssl3t64 libexpat1 zlib1g libbz2-1.0 libffi8 liblzma5 libncursesw6
  libreadline8t64 libsqlite3-0 libtinfo6 libuuid1 libzstd1 libdb5.3t64 libgcc-s1 libstdc++6
  openssl-provider-legacy patchelf
)

ensure_python() {
  PYTHON="$(find_python)" && return
  say "fetching Python ${PYTHON_WANTED}"
  if UV_HTTP_TIMEOUT=10 UV_HTTP_RETRIES=0 timeout 180 uv python install --quiet --no-bin 3.14 >/dev/null 2>&1; then
    PYTHON="$(find_python)" && return
  fi
  say "uv cannot fetch it here, unpacking Debian's"
  unpack_debian_python && PYTHON="$(find_python)" && return
  die "Python ${PYTHON_WANTED} was not found and could not be fetched: install it and run this again"
}

find_python() {
  local unpacked="${DEBIAN_PYTHON}/usr/bin/python3.14"
  if "${unpacked}" --version >/dev/null 2>&1; then
    printf '%s\n' "${unpacked}"
    return
  fi
  uv python find --quiet --no-project --no-python-downloads --system "${PYTHON_WANTED}" 2>/dev/null
}

# unpack_debian_python: the interpreter brings its own C library, and is told where that lies.
unpack_debian_python() {
  apt_is_usable || return 1
  local state="${CACHE}/apt/python" root="${DEBIAN_PYTHON}.new" loader libraries
  rm -rf "${root}" "${state}"
  fetch_suite "${state}" "${DEBIAN_PYTHON_SUITE}" "${DEBIAN_PYTHON_PACKAGES[@]}" || return 1
  unpack_archives "${state}" "${root}"
  rm -rf "${state}" "${DEBIAN_PYTHON}"
  mv "${root}" "${DEBIAN_PYTHON}"
  libraries="$(dirname "$(find "${DEBIAN_PYTHON}/usr/lib" -name 'libc.so.6' | head -n 1)")"
  loader="$(find "${libraries}" -maxdepth 1 -name 'ld-linux-*.so.*' | head -n 1)"
  patch_interpreter "${loader}" "${libraries}" "${DEBIAN_PYTHON}/usr/bin/python3.14"
}

# patch_interpreter LOADER LIBRARIES PROGRAM: the run path goes first, since patchelf 0.18 breaks the program when it
# sets both at once or in the other order.
patch_interpreter() {
  local patchelf=("$1" --library-path "$2" "${DEBIAN_PYTHON}/usr/bin/patchelf") patched="$3.patched"
  cp "$3" "${patched}"
  "${patchelf[@]}" --force-rpath --set-rpath "$2" "${patched}"
  "${patchelf[@]}" --set-interpreter "$1" "${patched}"
  "${patched}" -c 'import ctypes, sqlite3, ssl, compression.zstd' && mv "${patched}" "$3"
}

# ensure_environment: the virtual environment with everything in the lock file.
ensure_environment() {
  if ! environment_is_sound; then
    say "making the virtual environment"
    uv venv --quiet --clear --python "${PYTHON}" "${VENV}"
    printf '%s\n' "${ROOT}" >"${VENV}/made-for"
  fi
  local headers="${DEBIAN_PYTHON}/usr/include"
  [[ ! -d "${headers}" ]] || export CPATH="${headers}:${headers}/python3.14"
  install_packages || { has_new_compiler && install_packages; } || die "the packages of uv.lock could not be installed"
}

install_packages() { uv sync --quiet --frozen --python "${VENV}/bin/python"; }

# has_new_compiler: two packages that Home Assistant asks for are built here. Root installs what is missing; nobody else
# can, and is told.
has_new_compiler() {
  ! has c++ && ! has g++ && ! has clang++ || return 1
  if [[ "${EUID}" -eq 0 ]] && has apt-get; then
    say "installing a C++ compiler"
    apt-get -qq update >&2 || say "the package lists could not all be renewed, going on"
    DEBIAN_FRONTEND=noninteractive apt-get -qq --yes --no-install-recommends install g++ >&2 && return
  fi
  die "a C++ compiler is missing: install it (Debian: apt install g++, Fedora: dnf install gcc-c++, macOS: xcode-select --install) and run this again"
}

# environment_is_sound: of the wanted version, and made for this folder: a copied tree would import from the old one.
environment_is_sound() {
  [[ "$(cat "${VENV}/made-for" 2>/dev/null)" == "${ROOT}" ]] &&
    "${VENV}/bin/python" -c 'import sys; sys.exit(sys.version_info < (3, 14, 2))' 2>/dev/null
}
