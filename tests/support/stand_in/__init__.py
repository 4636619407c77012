"""A stand-in for libedgetpu and its Edge TPUs, for tests without the hardware."""
