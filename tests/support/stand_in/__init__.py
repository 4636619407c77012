"""Edge TPUs that are not there: a stand-in for libedgetpu and the Python behind its kernel."""
