"""Native Gradio components of the inspector, one module a panel: files, devices and jobs."""
