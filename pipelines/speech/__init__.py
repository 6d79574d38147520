"""Speech to motion: audio, features, conditions, diffusion, segments, the generators."""
