"""What is done in processes of its own: reading data, asking models, measuring."""
