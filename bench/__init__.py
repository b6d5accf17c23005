"""The benchmark: many calls at once against the server and against a floor that does only what cannot be left out."""
