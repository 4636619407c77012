"""Reading and writing the tensors of an interpreter."""
