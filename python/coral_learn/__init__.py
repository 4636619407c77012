"""On-device transfer learning for Coral Edge TPUs and any small computer."""
