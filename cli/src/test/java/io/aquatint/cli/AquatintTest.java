package io.aquatint.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AquatintTest {
    @TempDir
    Path folder;

    @Test
    void noCommandIsAWrongCommandLine() {
        assertThat(Aquatint.execute()).isEqualTo(2);
    }

    @Test
    void aFolderThatIsNotThereIsAWrongCommandLine() {
        assertThat(Aquatint.execute("prepare", folder.resolve("no").toString(), folder.toString()))
                .isEqualTo(2);
        assertThat(Aquatint.execute("parity", folder.resolve("no").toString())).isEqualTo(2);
    }

    @Test
    void prepareWritesItsReportEvenForAnEmptyFolder() throws Exception {
        Path in = Files.createDirectory(folder.resolve("in"));
        Path out = folder.resolve("out");

        assertThat(Aquatint.execute("prepare", in.toString(), out.toString(), "--size", "64"))
                .isZero();

        assertThat(out.resolve("report.json")).content().contains("\"accepted\" : 0");
    }
}
