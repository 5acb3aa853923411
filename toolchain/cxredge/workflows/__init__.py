"""What a command does, from inputs to result: lists of wanted stages, or what is done with a bundle."""
