"""`edge-asc live --install-service`: listening as a systemd service."""
