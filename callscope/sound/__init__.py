"""From bytes to samples, and from samples to the stretches in which somebody speaks."""
