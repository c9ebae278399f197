"""The pages people look at and the HTTP API that programs call."""
