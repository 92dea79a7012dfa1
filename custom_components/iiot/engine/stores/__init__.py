"""Files and databases behind the ports. Blocking: callers run them in a worker thread."""
