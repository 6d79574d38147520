"""The page's own component: a gr.HTML class, and the scripts and styles that run it."""
