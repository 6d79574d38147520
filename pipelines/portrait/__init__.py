"""From a photo to a registered portrait, and from a rendered face back into the photo."""
