"""Ditto Motion Studio: `python app.py`, here and on a Hugging Face Space.

Listens on 127.0.0.1:7860 unless GRADIO_SERVER_NAME and GRADIO_SERVER_PORT say otherwise.
"""

from __future__ import annotations

import argparse
import atexit
import logging
import os
import signal
import sys

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
DEFAULT_PORT = "7860"


def main() -> None:
    """Serve the studio until it is stopped."""
    parser = argparse.ArgumentParser(description="Ditto Motion Studio")
    parser.add_argument("--open", action="store_true", help="open the page in the browser")
    options = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # without a fixed port Gradio would take the next free one and the address would not be the one documented
    os.environ.setdefault("GRADIO_SERVER_PORT", DEFAULT_PORT)

    import cv2

    from studio.services import Services

    # frames of several visitors share the cores: one thread a frame
    cv2.setNumThreads(1)
    services = Services()
    # the renderer gets ready while Gradio is still being imported
    services.start()
    atexit.register(services.shut)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))

    from studio.build import build_page, launch_options

    build_page(services).launch(inbrowser=options.open, **launch_options(services))


if __name__ == "__main__":
    main()
