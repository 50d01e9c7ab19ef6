"""The worlds: scenes, sensors, and agents that walk through them; knows no map and no policy."""
