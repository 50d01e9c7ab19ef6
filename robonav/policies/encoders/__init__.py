"""What each key of an observation adds to a frame's token."""
