"""What the motion models hear: features of speech at 25 frames per second."""
