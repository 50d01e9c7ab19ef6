"""How the frozen networks are taught from rendered views."""
