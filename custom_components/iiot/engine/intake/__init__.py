"""What is durable, and what is answered: row positions and receipts."""
