"""The recipe of the demo checkpoint and the sample calls: synthetic speech only, repeatable by seed."""
