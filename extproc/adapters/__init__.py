"""The world: one outside system for each file, behind ``policy.ports``; ``memory`` has every port in memory."""
