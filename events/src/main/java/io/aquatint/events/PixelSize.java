package io.aquatint.events;

/** Width and height in pixels. */
public record PixelSize(int width, int height) {}
