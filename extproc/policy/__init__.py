"""The verbs: one file for each question asked of a request. Pure but for what they await through ``ports``."""
