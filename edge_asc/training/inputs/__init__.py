"""What a network is fed: from a data set to batches of features in torch."""
