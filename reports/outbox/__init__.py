"""What is told to others: webhooks and mail, from the outbox that the store transaction fills."""
