"""What the robot has seen: reconstruction, occupancy and topology; knows no simulator and no policy."""
