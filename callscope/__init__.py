"""What is true of a call, whoever runs it: records, time, sound, meaning. Pure but for its four doors."""
