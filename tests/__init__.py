"""Tests: each one is a sentence about the plant."""
