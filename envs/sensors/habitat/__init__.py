"""habitat-sim as a sensor, in a process of its own."""
