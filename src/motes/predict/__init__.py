"""From images to probability maps."""
