"""The zoo's models beside each other: what was learnt, measured and built of each, as rows, JSON and cards."""
