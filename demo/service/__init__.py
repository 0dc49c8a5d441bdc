"""`edge-asc live --install-service`: listening as a systemd service, and the signals it is sent."""
