# shellcheck shell=bash
# The broker, and the program that publishes from the command line: the Mosquitto on the path, or the distribution's,
# unpacked below the cache folder.

ensure_mosquitto() {
  has mosquitto && return
  say "fetching Mosquitto"
  apt_is_usable && unpack_mosquitto mosquitto usr/sbin/mosquitto && return
  die "Mosquitto is missing: install it (Debian: apt install mosquitto, macOS: brew install mosquitto, Fedora: dnf install mosquitto)"
}

# ensure_mosquitto_pub: what people are shown in "Check connectivity"; tests have another client where it is not to be had.
ensure_mosquitto_pub() {
  has mosquitto_pub && return
  say "fetching mosquitto_pub"
  apt_is_usable && unpack_mosquitto mosquitto-clients usr/bin/mosquitto_pub && return
  say "mosquitto_pub is missing (Debian: apt install mosquitto-clients): the tests do without it"
}

# unpack_mosquitto PACKAGE PROGRAM
unpack_mosquitto() {
  local state="${CACHE}/apt/$1" root="${CACHE}/$1" name libraries
  name="$(basename "$2")"
  rm -rf "${state}" "${root}"
  fetch_missing "${state}" "$1" || return 1
  unpack_archives "${state}" "${root}"
  rm -rf "${state}"
  libraries="$(find "${root}/usr/lib" "${root}/lib" -name '*.so*' -printf '%h\n' 2>/dev/null | sort -u | paste -sd:)"
  mkdir -p "${CACHE}/bin"
  printf '#!/bin/sh\nLD_LIBRARY_PATH="%s" exec "%s" "$@"\n' "${libraries}" "${root}/$2" >"${CACHE}/bin/${name}"
  chmod +x "${CACHE}/bin/${name}"
  "${name}" --help >/dev/null 2>&1 || [[ $? -le 3 ]]
}
