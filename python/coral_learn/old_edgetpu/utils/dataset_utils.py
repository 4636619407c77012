"""Reading label files."""

from ...pycoral.utils.dataset import read_label_file

__all__ = ["ReadLabelFile", "read_label_file"]

ReadLabelFile = read_label_file
