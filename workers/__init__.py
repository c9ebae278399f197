"""The Celery side: GPU analysis and result writing."""
