"""What is done to leads: training on them, scoring them, listing them. See `hotpass.transform.scoring`."""
