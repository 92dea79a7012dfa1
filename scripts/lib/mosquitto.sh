# shellcheck shell=bash
# The broker: the Mosquitto on the path, or the distribution's, unpacked below the cache folder.

ensure_mosquitto() {
  has mosquitto && return
  say "fetching Mosquitto"
  apt_is_usable && unpack_mosquitto && return
  die "Mosquitto is missing: install it (Debian: apt install mosquitto, macOS: brew install mosquitto, Fedora: dnf install mosquitto)"
}

unpack_mosquitto() {
  local state="${CACHE}/apt/mosquitto" root="${CACHE}/mosquitto" libraries
  rm -rf "${state}" "${root}"
  fetch_missing "${state}" mosquitto || return 1
  unpack_archives "${state}" "${root}"
  rm -rf "${state}"
  libraries="$(find "${root}/usr/lib" "${root}/lib" -name '*.so*' -printf '%h\n' 2>/dev/null | sort -u | paste -sd:)"
  mkdir -p "${CACHE}/bin"
  printf '#!/bin/sh\nLD_LIBRARY_PATH="%s" exec "%s" "$@"\n' "${libraries}" "${root}/usr/sbin/mosquitto" \
    >"${CACHE}/bin/mosquitto"
  chmod +x "${CACHE}/bin/mosquitto"
  mosquitto -h >/dev/null 2>&1 || [[ $? -le 3 ]]
}
