"""A simulated plant that speaks the protocol (top-level package `iiot_sim`)."""
