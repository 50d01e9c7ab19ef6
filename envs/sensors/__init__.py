"""What an agent perceives of a scene."""
