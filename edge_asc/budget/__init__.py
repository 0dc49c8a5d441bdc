"""What a network costs, counted from the file, and the rules that limit it."""
