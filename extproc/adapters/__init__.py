"""The world: one outside system for each file, behind the ports of ``policy.ports``; ``memory`` has every port in memory."""
