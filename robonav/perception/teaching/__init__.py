"""Teaching of the frozen networks from rendered views."""
