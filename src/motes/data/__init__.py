"""From images and picks on disk to batches that train a net."""
