"""Renderers: from a portrait and a motion to pixels."""
