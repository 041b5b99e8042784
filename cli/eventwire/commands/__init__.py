"""The commands: one file each, thin; loaded when they run."""
