"""The live web page."""
