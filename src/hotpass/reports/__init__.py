"""What a command found, in the forms that people, editors and CI read."""
