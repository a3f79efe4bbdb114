package io.aquatint.ingest.batch;

import io.aquatint.events.ManifestImage;

/** An accepted picture and its place in the order of arrival within its data set; the first is 0. */
record StoredImage(int position, ManifestImage image) {}
