"""Many independent pieces of work, each a command of its own, on this machine or on Slurm."""
