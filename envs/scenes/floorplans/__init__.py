"""Floor plans that become worlds: ROS maps, Gibson floors, KTH floor plans."""
