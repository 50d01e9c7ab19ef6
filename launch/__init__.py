"""The commands of robonav, one file each."""
