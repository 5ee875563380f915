"""One check a promise: each is given the evidence and returns what broke it."""
