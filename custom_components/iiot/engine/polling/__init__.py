"""Asking devices for their readings: when, how many at once, and what became of it."""
