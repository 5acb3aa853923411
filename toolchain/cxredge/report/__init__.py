"""Reports: tables and pictures for people."""
