"""The embedded renderer: a layered 3-D mesh warp on the CPU."""
