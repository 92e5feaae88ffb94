"""What the gate `expression` is made of: the fields of a rule, reading a rule, and its mistakes in words."""
