"""How fast callscope is, measured beside the others on the same load: stages, contenders, report."""
