"""The physics of the electron microscope as pure functions, shared by simulation and augmentation."""
