"""Bytes to frames and back: topics, envelope, canonical JSON, signatures, replay window."""
