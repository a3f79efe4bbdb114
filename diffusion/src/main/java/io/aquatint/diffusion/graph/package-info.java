/** Networks as graphs, compiled to TorchScript and run by DJL's PyTorch engine. */
@NullMarked
package io.aquatint.diffusion.graph;

import org.jspecify.annotations.NullMarked;
