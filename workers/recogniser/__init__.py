"""The sole door to torch and funasr: checkpoints, features, engines."""
