"""Data sets of scenes in the layouts of HM3D, Gibson, Replica and Habitat."""
