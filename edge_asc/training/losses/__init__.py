"""What is minimised beside the plain cross entropy."""
