package io.aquatint.registry;

import io.aquatint.events.ArtifactFormat;
import java.nio.file.Path;

/** A file of a version, checked, in the folder in which its versions' files are made. */
record WrittenFile(ArtifactFormat format, Path path) {}
