"""Figures and measurements of what the studio draws."""
