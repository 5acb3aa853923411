"""Films: one file to the student's input, bit for bit, and what is refused on the way."""
