"""How a network that was trained elsewhere becomes a student: reading it, dividing it, proving it."""
