"""Maps: reconstruction, occupancy and topology; arrays in, arrays out, no simulator and no policy."""
