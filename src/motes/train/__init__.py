"""Training: losses, schedules, the loop and its checkpoints."""
