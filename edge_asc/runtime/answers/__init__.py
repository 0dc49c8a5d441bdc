"""From sound to answers: what a classifier says of a file, of samples, or of a stream."""
