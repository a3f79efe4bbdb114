package io.aquatint.cli;

import io.aquatint.standalone.Standalone;
import java.io.PrintWriter;

/** Tells a person where the parts of a standalone process answer. */
final class Addresses {
    private Addresses() {}

    static void print(PrintWriter out, Standalone standalone) {
        out.printf("%-9s %s%n", "kafka", standalone.bootstrap());
        out.printf(
                "%-9s %s, bucket %s%n",
                "s3",
                standalone.storeConfig().endpoint(),
                standalone.storeConfig().bucket());
        out.printf(
                "%-9s %s (models: /v1/models, health: /health/ready, metrics: /metrics)%n", "rest", standalone.http());
        out.flush();
    }
}
