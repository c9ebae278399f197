"""The HTTP API that programs call, one file a resource."""
