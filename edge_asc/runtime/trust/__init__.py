"""What may be believed of a model file, before a runtime gets it."""
