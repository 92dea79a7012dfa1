"""Models of a device and of the hub's surroundings against the real engine, under random faults."""
