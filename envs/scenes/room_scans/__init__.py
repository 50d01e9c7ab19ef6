"""Room scans of headsets."""
