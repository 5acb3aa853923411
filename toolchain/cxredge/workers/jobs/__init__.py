"""What worker processes do: one kind of job a file."""
