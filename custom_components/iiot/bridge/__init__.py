"""The only place where Home Assistant and the engine meet."""
