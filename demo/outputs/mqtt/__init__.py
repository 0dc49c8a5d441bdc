"""MQTT, and Home Assistant over it."""
