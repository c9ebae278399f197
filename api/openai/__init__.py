"""The endpoint of OpenAI's that transcribes, so that programs written for it work here unchanged."""
