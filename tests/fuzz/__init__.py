"""Inputs that nobody should send, for everything that reads foreign bytes."""
