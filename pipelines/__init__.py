"""Everything that computes: motion algebra, portraits, renderers, networks. Imports neither gradio nor studio."""
