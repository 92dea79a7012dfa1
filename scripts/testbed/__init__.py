"""A real broker and a real Home Assistant, as processes: for the demo, the end-to-end tests and the benchmarks."""
