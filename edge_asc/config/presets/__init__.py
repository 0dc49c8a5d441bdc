"""One TOML file for each published or shipped configuration."""
