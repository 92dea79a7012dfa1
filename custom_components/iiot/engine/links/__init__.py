"""Connections to brokers: one over paho-mqtt, one in memory for tests."""
