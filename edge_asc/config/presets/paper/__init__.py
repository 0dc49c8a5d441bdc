"""One TOML file for each row of the paper's tables."""
