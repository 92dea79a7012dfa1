"""The part of the product that thinks: it runs without Home Assistant.

The deciding rooms (`wire devices ingest intake`, joined by `plant`) take bytes,
times and requests, and give effects back. They do no I/O and ask no clock.
"""
