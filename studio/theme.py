"""Gradio's theme for what the page's own tokens do not reach: the native uploads, radios, buttons, plots.

The figures repeat studio/stage/tokens.css; tests/studio/test_page.py keeps the two together.
"""

from __future__ import annotations

from gradio import themes

# (light, dark)
GROUND = ("#eef0f2", "#0f1113")
PANEL = ("#fbfbfc", "#17191c")
FIELD = ("#f0f2f4", "#1f2226")
RAISED = ("#e2e5e9", "#282c31")
BORDER = ("#bcc3ca", "#3d444c")
TEXT = ("#171a1e", "#e6e9ec")
LABEL = ("#474f58", "#b1b8c0")
PRIMARY = ("#1f6fa5", "#1f6fa5")
PRIMARY_HOVER = ("#2a7fb8", "#2a7fb8")
ON_PRIMARY = ("#ffffff", "#ffffff")

_GRAPHITE = themes.Color(
    *("#f6f7f8", "#eceef0", "#dde0e4", "#c3c8ce", "#a3aab3", "#7c848e"),
    *("#575f69", "#3a4048", "#2a2f35", "#1f2328", "#16191d"),
    name="graphite",
)
_SIGNAL = themes.Color(
    *("#eef7fd", "#d7ecfa", "#aed9f5", "#86c5ee", "#63b3e8", "#4a9fd8"),
    *("#2b7fb8", "#236793", "#1d5274", "#173f59", "#102c3f"),
    name="signal",
)


def _both(**tokens: tuple[str, str]) -> dict[str, str]:
    """Theme keywords for the light value and, with `_dark`, the dark one."""
    return {f"{name}{suffix}": pair[i] for name, pair in tokens.items() for i, suffix in enumerate(("", "_dark"))}


def studio_theme() -> themes.Base:
    """Neutral grey, flat, one accent."""
    # the bundled Plex Sans of weight 600 has no Latin letters
    font = themes.LocalFont("IBM Plex Sans", weights=(400, 700))
    theme = themes.Base(
        font=(font, "system-ui", "sans-serif"),
        font_mono=("ui-monospace", "monospace"),
        primary_hue=_SIGNAL,
        secondary_hue=_SIGNAL,
        neutral_hue=_GRAPHITE,
        text_size=themes.Size("11px", "11px", "12px", "13px", "15px", "17px", "20px"),
        spacing_size=themes.sizes.spacing_sm,
        radius_size=themes.sizes.radius_sm,
    )
    clear, none = ("transparent", "transparent"), ("0px", "0px")
    return theme.set(
        block_padding="0px",
        block_label_text_size="12px",
        block_title_text_size="12px",
        **_both(
            body_background_fill=GROUND,
            background_fill_primary=PANEL,
            background_fill_secondary=FIELD,
            block_background_fill=clear,
            block_border_width=none,
            block_shadow=("none", "none"),
            block_label_background_fill=clear,
            block_label_border_width=none,
            block_label_text_color=LABEL,
            block_title_text_color=LABEL,
            body_text_color=TEXT,
            border_color_primary=BORDER,
            input_background_fill=FIELD,
            button_primary_background_fill=PRIMARY,
            button_primary_background_fill_hover=PRIMARY_HOVER,
            button_primary_text_color=ON_PRIMARY,
            button_secondary_background_fill=RAISED,
            button_secondary_text_color=TEXT,
        ),
    )
