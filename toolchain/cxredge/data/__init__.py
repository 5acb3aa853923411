"""Film lists: data sets and their splits, pictures that are no such films, and films under stress."""
