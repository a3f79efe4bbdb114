package io.aquatint.events;

/** The square that was cut out of the upright picture, in its pixels. */
public record Crop(int x, int y, int size) {}
