"""What papers and challenges ask of several runs: comparisons, many trainings, submissions."""
