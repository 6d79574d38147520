"""Everything the visitor sees. Only wires; computes nothing."""
