# shellcheck shell=bash
# Debian packages without root and without touching the system: a package state of our own, unpacked into a folder.
# The mirror and its signing keys are the ones the system already uses.

DEBIAN_KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

apt_is_usable() { has apt-get && has dpkg-deb; }

# apt_own FOLDER ARGUMENTS...: apt-get with lists and archives of our own below FOLDER.
apt_own() {
  local state="$1"
  shift
  mkdir -p "${state}/lists/partial" "${state}/archives/partial"
  apt-get -qq -o Debug::NoLocking=1 -o "Dir::State::Lists=${state}/lists" -o "Dir::Cache=${state}" \
    -o "Dir::Cache::Archives=${state}/archives" -o APT::Sandbox::User=root -o Acquire::Languages=none \
    -o Acquire::Retries=2 -o Acquire::http::Timeout=20 "$@"
}

# debian_mirror: the address of the Debian mirror in the system's own configuration, or nothing.
debian_mirror() {
  apt-get update --print-uris 2>/dev/null | sed -n "s#^'\([^']*/debian\)/dists/.*#\1#p" | head -n 1 || true
}

# fetch_suite FOLDER SUITE PACKAGES...: downloads packages of another Debian suite into FOLDER/archives.
fetch_suite() {
  local state="$1" suite="$2" mirror
  shift 2
  mirror="$(debian_mirror)"
  [[ -n "${mirror}" && -r "${DEBIAN_KEYRING}" ]] || return 1
  mkdir -p "${state}/sources" "${state}/archives"
  printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\nSigned-By: %s\n' \
    "${mirror}" "${suite}" "${DEBIAN_KEYRING}" >"${state}/sources/${suite}.sources"
  local own=(-o Dir::Etc::SourceList=/dev/null -o "Dir::Etc::SourceParts=${state}/sources"
    -o Dir::State::status=/dev/null)
  apt_own "${state}" "${own[@]}" update >&2 || return 1
  (cd "${state}/archives" && apt_own "${state}" "${own[@]}" download "$@" >&2)
}

# fetch_missing FOLDER PACKAGES...: downloads packages of the system's own release, and of what they need the part
# that is not installed, into FOLDER/archives.
fetch_missing() {
  local state="$1"
  shift
  apt_own "${state}" update >&2 || say "the package lists could not all be renewed, going on"
  apt_own "${state}" --yes --no-install-recommends --download-only --reinstall install "$@" >&2
}

# unpack_archives FOLDER TARGET: the files of every Debian archive in FOLDER/archives, side by side below TARGET.
unpack_archives() {
  local archive
  mkdir -p "$2"
  for archive in "$1"/archives/*.deb; do
    dpkg-deb -x "${archive}" "$2"
  done
}
