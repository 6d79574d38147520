"""Sentences that more than one place says."""

from __future__ import annotations

GENERIC = "Something went wrong on the server; the work is untouched, and the log says why."
NO_PORTRAIT = "No portrait is open; choose a photo or an example in the Portrait panel."
NOTHING_PLAYS = "Nothing plays yet; make a clip in the Speech or Drive panel or add a layer with keys first."

NATIVE_TEXTS = {
    "upload_text.drop_audio": "Drop a voice here",
    "upload_text.or": "or",
    "upload_text.click_to_upload": "click to choose one",
}
"""Texts inside Gradio's own components, which take none: its translation key -> ours."""

NATIVE_TIPS = {
    "st-photo": "A photo with a face · PNG, JPEG or WebP, or the camera",
    "st-match": "The photo whose expression is taken over",
    "st-voice": "The voice that moves the face · a file or the microphone",
    "st-plot": "The 63 dimensions of the edit · unit: 10⁻³ · source: measured atlas",
    "st-bench-plot": "Movement of each step · unit: % of eye distance · source: the face found again in it",
    "st-area": "The face pasted back into the photo, or the face alone",
    "st-size": "Side of the drawn face · unit: px · source: the photo's own pixels",
    "st-format": "PNG is exact; JPEG and WebP are smaller",
    "st-transparent": "Cuts the person out by the portrait's matte",
    "st-export-picture": "Draws the moment on the stage and downloads it",
    "st-open-edit": "An edit file saved here, from any portrait",
    "st-save-edit": "Downloads the values of the edit as JSON",
    "st-draw-atlas": "The paper's figure on this portrait, as PNG",
    "st-atlas": "Every dimension at both ends, with heat maps",
    "st-stitching": "The stitching network joins the face to the photo",
    "st-eye-network": "The retargeting network opens the eyes instead of the solver",
    "st-lip-network": "The retargeting network shuts the photo's mouth before the edit acts",
    "st-neural-draw": "One picture by the paper's networks · slow without a GPU",
    "st-build-engines": "TensorRT engines for this machine's GPU · some minutes",
    "st-neural-cancel": "Ends it at its next step",
    "st-neural-still": "The last neural still",
}
"""Tooltips of Gradio's own components, which take none: element id -> what it does."""
