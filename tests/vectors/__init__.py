"""Golden vectors: what host, simulator and firmware agree on, byte by byte."""
