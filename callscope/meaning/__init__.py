"""From transcripts to what a call means: tags, silences, crosstalk."""
