"""What a foreign model file holds, in terms that all formats share, and what its operators cost."""
