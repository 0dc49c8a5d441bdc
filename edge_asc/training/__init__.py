"""From a data set and a configuration to trained weights in a run folder."""
