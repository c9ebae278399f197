"""Rules as data: files, the operators that they are built of, and what they find."""
