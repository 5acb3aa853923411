"""What a command does, from inputs to result: lists of wanted stages, or a walk over a bundle."""
