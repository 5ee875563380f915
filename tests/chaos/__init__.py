"""The promises under fire: a fleet of real processes, faults out of a seed, and a judge of the history."""
