"""What a process of ours needs to run: Celery app, settings, database, command line."""
